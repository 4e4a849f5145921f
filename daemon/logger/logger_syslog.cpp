// What comes to /dev/log.
#include <sys/epoll.h>

#include <algorithm>

#include "daemon/logger/logger.h"
#include "libinit/log/names.h"
#include "libinit/log/syslog.h"

namespace init::logger {
namespace {

constexpr int kDatagramsPerTurn = 64;

}  // namespace

void Logger::on_syslog() {
  if (packet_->fds().empty()) return;
  const auto body = packet_->body<channel::LogSyslogBody>();
  const auto known = [&body](const auto& socket) {
    return socket && socket->body().entry.tag == body.entry.tag;
  };
  if (std::any_of(sockets_.begin(), sockets_.end(), known)) return;
  UniqueFd fd(packet_->take_fd(0));
  Senders senders;
  if (packet_->fds().size() > 1) {
    const auto prefix = packet_->payload();
    senders = Senders({static_cast<const char*>(static_cast<const void*>(prefix.data())), prefix.size()},
                      UniqueFd(packet_->take_fd(1)));
  }
  auto place = std::find(sockets_.begin(), sockets_.end(), nullptr);
  if (place == sockets_.end()) place = sockets_.emplace(place);
  *place = std::make_unique<SyslogSocket>(std::move(fd), body, std::move(senders));
  for (Forwarding& one : forwarding_) one.to.avoid(body.entry.tag);
  if (synced_) watch_syslog(static_cast<std::uint32_t>(place - sockets_.begin()));
}

void Logger::watch_syslog(std::uint32_t index) {
  if (sockets_[index])
    (void)poller_.add(sockets_[index]->fd(), EPOLLIN | EPOLLRDHUP,
                      {static_cast<std::uint32_t>(Source::Syslog), index});
}

void Logger::serve_syslog(const process::Ready& ready) {
  if (!sockets_[ready.token.index]) return;
  SyslogSocket& socket = *sockets_[ready.token.index];
  for (int look = 0; look < kDatagramsPerTurn; ++look) {
    const auto datagram = socket.look();
    if (datagram) {
      store_datagram(socket, *datagram);
    } else if ((ready.events & EPOLLRDHUP) != 0) {
      return end_syslog(ready.token.index);
    } else {
      return;
    }
  }
}

// In the log of the unit that has sent it, as its outputs are.
void Logger::store_datagram(const SyslogSocket& socket, const Datagram& datagram) {
  std::string unit = socket.senders().unit_of(datagram.id.sender, datagram.pidfd.get());
  if (unit.empty()) unit = log::kSyslog;
  const bool known = logs_.contains(unit);
  UnitLog& log = log_of(unit);
  if (!known) log.configure({}, {});
  if (datagram.cut) log.note_cut();
  channel::LogOpenBody from;
  from.stream = static_cast<std::uint32_t>(log::Stream::Syslog);
  from.forward = socket.body().forward;
  unit.copy(from.unit.data(), from.unit.size() - 1);
  log.invocation().copy(from.invocation.data(), from.invocation.size() - 1);
  std::string line;
  log::append_syslog(line, datagram.text);
  log.store(pump_, {-1, from, line, false, &socket, datagram.id});
  stored(log, from);
}

bool Logger::waits(const DatagramId& datagram) const {
  return std::any_of(sockets_.begin(), sockets_.end(), [&datagram](const auto& socket) {
    const auto first = socket ? socket->look() : std::nullopt;
    return first && first->id == datagram;
  });
}

void Logger::end_syslog(std::uint32_t index) {
  const std::unique_ptr<SyslogSocket> socket = std::move(sockets_[index]);
  poller_.remove(socket->fd());
  tell(channel::MessageType::LogDone, channel::body_bytes(socket->body().entry));
  for (Forwarding& one : forwarding_) one.to.look_again();
}

}  // namespace init::logger
