#include "daemon/pid1/channel.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

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
  const int fd = std::exchange(*found, {}).fd;
  while (header.store_used > 0 && facts.store()[header.store_used - 1].kind == 0) --header.store_used;
  close(fd);  // last, so that the next self never takes its number for it
}

void store_put(Facts& facts, const StoreBody& entry, int fd) noexcept {
  const int raised = raise_fd(fd);
  FactsHeader& header = facts.edit();
  if (StoreEntry* const known = find_entry(facts, entry); known != nullptr) {
    close(std::exchange(known->fd, raised));
    return;
  }
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
  const channel::ResumedBody body{epoch};
  send({.type = MessageType::Resumed, .body = channel::body_bytes(body)});
}

void Channel::send_stored(std::uint32_t sequence, const StoreBody& entry) noexcept {
  const int fd = store_find(facts_, entry);
  const std::span<const int> fds(&fd, fd >= 0 ? 1 : 0);
  send({.type = MessageType::Fd, .sequence = sequence, .body = channel::body_bytes(entry), .fds = fds});
}

void Channel::send(const channel::Outgoing& message) noexcept {
  broken_ = broken_ || channel::send_packet(socket_.get(), message) == EAGAIN;
}

}  // namespace init::pid1
