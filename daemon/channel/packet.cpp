#include "daemon/channel/packet.h"

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>

namespace init::channel {
namespace {

constexpr std::size_t kControlBytes = CMSG_SPACE(kMaxMessageFds * sizeof(int));

iovec piece(std::span<const std::byte> bytes) noexcept {
  return {const_cast<std::byte*>(bytes.data()), bytes.size()};
}

}  // namespace

std::size_t body_size(MessageType type) noexcept {
  switch (type) {
    case MessageType::Spawn:
      return sizeof(SpawnBody);
    case MessageType::Watch:
      return sizeof(WatchBody);
    case MessageType::StoreFd:
    case MessageType::FetchFd:
    case MessageType::DropFd:
    case MessageType::Fd:
    case MessageType::LogDone:
      return sizeof(StoreBody);
    case MessageType::LogOpen:
      return sizeof(LogOpenBody);
    case MessageType::LogReady:
      return sizeof(StoreBody);
    case MessageType::LogSyslog:
      return sizeof(LogSyslogBody);
    case MessageType::LogFlush:
    case MessageType::LogFlushed:
      return sizeof(LogFlushBody);
    case MessageType::LogTrouble:
      return sizeof(LogTroubleBody);
    case MessageType::Finish:
      return sizeof(FinishBody);
    case MessageType::Resumed:
      return sizeof(ResumedBody);
    case MessageType::Signal:
    case MessageType::Acknowledge:
    case MessageType::Ready:
    case MessageType::Renew:
    case MessageType::LogSync:
      return 0;
    case MessageType::Invalid:
      break;
  }
  return kMaxMessage;
}

int send_packet(int socket, const Outgoing& message) noexcept {
  const std::size_t size = sizeof(MessageHeader) + message.body.size() + message.payload.size();
  if (size > kMaxMessage || message.fds.size() > kMaxMessageFds) return EMSGSIZE;
  MessageHeader header;
  header.type = message.type;
  header.sequence = message.sequence;
  header.payload = static_cast<std::uint32_t>(message.payload.size());
  header.fd_count = static_cast<std::uint32_t>(message.fds.size());
  std::array<iovec, 3> pieces{piece(body_bytes(header)), piece(message.body), piece(message.payload)};
  alignas(cmsghdr) std::array<std::byte, kControlBytes> control;
  msghdr packet{};
  packet.msg_iov = pieces.data();
  packet.msg_iovlen = pieces.size();
  if (!message.fds.empty()) {
    packet.msg_control = control.data();
    packet.msg_controllen = CMSG_SPACE(message.fds.size_bytes());
    std::memset(control.data(), 0, packet.msg_controllen);
    cmsghdr* part = CMSG_FIRSTHDR(&packet);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(message.fds.size_bytes());
    std::memcpy(CMSG_DATA(part), message.fds.data(), message.fds.size_bytes());
  }
  while (sendmsg(socket, &packet, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

Packet::Outcome Packet::receive(int socket) noexcept {
  close_fds();
  size_ = 0;
  iovec place{buffer_.data(), buffer_.size()};
  alignas(cmsghdr) std::array<std::byte, kControlBytes> control;
  msghdr packet{};
  packet.msg_iov = &place;
  packet.msg_iovlen = 1;
  packet.msg_control = control.data();
  packet.msg_controllen = control.size();
  ssize_t got = 0;
  // A peer that died with unread packets leaves one ECONNRESET in front of what it had sent.
  do got = recvmsg(socket, &packet, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  while (got < 0 && (errno == EINTR || errno == ECONNRESET));
  if (got < 0) return errno == EAGAIN ? Outcome::Empty : Outcome::Closed;
  for (cmsghdr* part = CMSG_FIRSTHDR(&packet); part != nullptr; part = CMSG_NXTHDR(&packet, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t bytes = part->cmsg_len - CMSG_LEN(0);
    std::memcpy(fds_.data(), CMSG_DATA(part), bytes);
    fd_count_ = bytes / sizeof(int);
  }
  // An empty packet and the end of the stream look the same; nobody sends empty packets.
  if (got == 0 && fd_count_ == 0) return Outcome::Closed;
  size_ = static_cast<std::size_t>(got);
  if ((packet.msg_flags & MSG_TRUNC) == 0 && consistent()) return Outcome::Message;
  close_fds();
  return Outcome::Malformed;
}

// Fds that got lost because the receiver's table is full show as a count that does not fit.
bool Packet::consistent() const noexcept {
  if (size_ < sizeof(MessageHeader) || size_ > kMaxMessage) return false;
  const MessageHeader seen = header();
  const std::size_t body = body_size(seen.type);
  return seen.version == kChannelVersion && seen.fd_count == fd_count_ &&
         sizeof(MessageHeader) + body + seen.payload == size_;
}

std::span<std::byte> Packet::payload() noexcept {
  const MessageHeader seen = header();
  return std::span<std::byte>(buffer_).subspan(sizeof(MessageHeader) + body_size(seen.type), seen.payload);
}

int Packet::take_fd(std::size_t index) noexcept {
  const int fd = fds_[index];
  fds_[index] = -1;
  return fd;
}

void Packet::close_fds() noexcept {
  for (std::size_t i = 0; i < fd_count_; ++i) {
    if (fds_[i] >= 0) ::close(fds_[i]);
  }
  fd_count_ = 0;
}

}  // namespace init::channel
