#include "daemon/logger/syslog_socket.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

namespace init::logger {
namespace {

constexpr int kMessagePidfd = 4;  // SCM_PIDFD

template <class T>
T value_of(const cmsghdr* message) {
  T value{};
  std::memcpy(&value, CMSG_DATA(message), sizeof value);
  return value;
}

void close_all(const cmsghdr* rights) {
  for (std::size_t at = CMSG_LEN(0); at + sizeof(int) <= rights->cmsg_len; at += sizeof(int)) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(rights) + at - CMSG_LEN(0), sizeof fd);
    UniqueFd(fd).reset();
  }
}

// The kernel's words about a datagram. There is no room for much more that a sender might attach.
void take_control(msghdr& header, Datagram& datagram) {
  for (const cmsghdr* at = CMSG_FIRSTHDR(&header); at != nullptr;
       at = CMSG_NXTHDR(&header, const_cast<cmsghdr*>(at))) {
    if (at->cmsg_level != SOL_SOCKET) continue;
    if (at->cmsg_type == SCM_CREDENTIALS) datagram.id.sender = value_of<ucred>(at).pid;
    if (at->cmsg_type == kMessagePidfd) datagram.pidfd.reset(value_of<int>(at));
    if (at->cmsg_type == SCM_RIGHTS) close_all(at);
    if (at->cmsg_type != SO_TIMESTAMPNS) continue;
    const auto time = value_of<timespec>(at);
    datagram.id.sent_ns = std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
  }
}

}  // namespace

SyslogSocket::SyslogSocket(UniqueFd fd, const channel::LogSyslogBody& body, Senders senders)
    : fd_(std::move(fd)),
      body_(body),
      senders_(std::move(senders)),
      buffer_(std::make_unique<char[]>(kLongestDatagram)) {}

std::optional<Datagram> SyslogSocket::look() {
  constexpr std::size_t kControl =
      CMSG_SPACE(sizeof(timespec)) + CMSG_SPACE(sizeof(ucred)) + CMSG_SPACE(sizeof(int));
  alignas(cmsghdr) std::array<char, kControl> control;
  iovec part{buffer_.get(), kLongestDatagram};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  ssize_t size = -1;
  do {
    size = recvmsg(fd_.get(), &header, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  if (size < 0) return std::nullopt;
  Datagram datagram;
  datagram.text = {buffer_.get(), static_cast<std::size_t>(size)};
  datagram.cut = (header.msg_flags & MSG_TRUNC) != 0;
  take_control(header, datagram);
  return datagram;
}

void SyslogSocket::consume() const {
  (void)recv(fd_.get(), nullptr, 0, MSG_DONTWAIT | MSG_TRUNC);
}

}  // namespace init::logger
