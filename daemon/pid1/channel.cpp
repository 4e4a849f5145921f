#include "daemon/pid1/channel.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "daemon/pid1/log.h"

namespace init::pid1 {
namespace {

using channel::MessageType;
using channel::StoreBody;
using channel::StoreEntry;

bool same(const StoreEntry& entry, const StoreBody& wanted) noexcept {
  return entry.kind != 0 && entry.kind == wanted.kind && entry.tag == wanted.tag;
}

StoreEntry* find_entry(const Facts& facts, const StoreBody& wanted) noexcept {
  StoreEntry* begin = facts.store();
  StoreEntry* end = begin + facts.header().store_used;
  StoreEntry* found = std::find_if(begin, end, [&](const StoreEntry& entry) { return same(entry, wanted); });
  return found != end ? found : nullptr;
}

}  // namespace

int store_find(const Facts& facts, const StoreBody& entry) noexcept {
  const StoreEntry* found = find_entry(facts, entry);
  return found != nullptr ? found->fd : -1;
}

void store_drop(Facts& facts, const StoreBody& entry) noexcept {
  StoreEntry* found = find_entry(facts, entry);
  if (found == nullptr) return;
  FactsHeader& header = facts.edit();
  close(found->fd);
  *found = {};
  while (header.store_used > 0 && facts.store()[header.store_used - 1].kind == 0) --header.store_used;
}

void store_put(Facts& facts, const StoreBody& entry, int fd) noexcept {
  const int raised = raise_fd(fd);
  store_drop(facts, entry);
  FactsHeader& header = facts.edit();
  StoreEntry* begin = facts.store();
  StoreEntry* place =
      std::find_if(begin, begin + header.store_used, [](const StoreEntry& e) { return e.kind == 0; });
  if (entry.kind == 0 || place == begin + channel::kStoreCount) {
    log_line(Line("store: no room for a descriptor of kind ").number(entry.kind));
    close(raised);
    return;
  }
  *place = {.kind = entry.kind, .fd = raised, .tag = entry.tag};
  header.store_used = std::max(header.store_used, static_cast<std::uint32_t>(place - begin) + 1);
}

int Channel::open_pair() noexcept {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) return -1;
  const int bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (bell < 0) log_line(Line("no doorbell: errno ").number(errno));
  const int theirs = raise_fd(ends[1]);
  adopt(raise_fd(ends[0]), raise_fd(bell));
  return theirs;
}

void Channel::adopt(int socket, int doorbell) noexcept {
  close_pair();
  socket_.reset(socket);
  doorbell_.reset(doorbell);
  if (loop_.add(socket, EPOLLIN, {kChannel, 0}) != 0) log_line("channel: the loop does not take it");
}

void Channel::close_pair() noexcept {
  if (socket_) loop_.remove(socket_.get());
  socket_.reset();
  doorbell_.reset();
  queued_ = 0;
  broken_ = false;
}

void Channel::ring() const noexcept {
  const std::uint64_t one = 1;
  // EAGAIN: it has been rung 2^64 - 2 times without an answer, and is still ringing.
  if (doorbell_) static_cast<void>(!write(doorbell_.get(), &one, sizeof(one)));
}

bool Channel::is_unread() const noexcept {
  pollfd bell{doorbell_.get(), POLLIN, 0};
  return poll(&bell, 1, 0) == 1;
}

void Channel::send_resumed(std::uint64_t epoch) noexcept {
  send({MessageType::Resumed, 0, {.tag = epoch}});
}

void Channel::send_stored(std::uint32_t sequence, const StoreBody& entry) noexcept {
  send({MessageType::Fd, sequence, entry});
}

int Channel::send_now(const Answer& answer) noexcept {
  channel::Outgoing message{.type = answer.type, .sequence = answer.sequence};
  const channel::ResumedBody resumed{answer.entry.tag};
  const int fd = answer.type == MessageType::Fd ? store_find(facts_, answer.entry) : -1;
  message.body =
      answer.type == MessageType::Resumed ? channel::body_bytes(resumed) : channel::body_bytes(answer.entry);
  if (fd >= 0) message.fds = std::span<const int>(&fd, 1);
  return channel::send_packet(socket_.get(), message);
}

void Channel::send(const Answer& answer) noexcept {
  if (!socket_ || broken_) return;
  if (queued_ == 0 && send_now(answer) != EAGAIN) return;
  if (queued_ == queue_.size()) {
    broken_ = true;
    return;
  }
  queue_[queued_++] = answer;
  if (queued_ == 1) listen(true);
}

void Channel::flush() noexcept {
  std::size_t sent = 0;
  while (sent < queued_ && send_now(queue_[sent]) != EAGAIN) ++sent;
  std::move(queue_.begin() + sent, queue_.begin() + queued_, queue_.begin());
  queued_ -= sent;
  if (queued_ == 0) listen(false);
}

void Channel::listen(bool for_room) noexcept {
  static_cast<void>(loop_.change(socket_.get(), EPOLLIN | (for_room ? EPOLLOUT : 0U), {kChannel, 0}));
}

}  // namespace init::pid1
