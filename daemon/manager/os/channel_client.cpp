#include "daemon/manager/os/channel_client.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace init::manager {
namespace {

using channel::MessageType;

void wait_for(int fd, short events) {
  pollfd waiting{fd, events, 0};
  (void)poll(&waiting, 1, -1);
}

Result<UniqueFd> plan_memfd(std::span<const std::byte> plan) {
  UniqueFd fd(memfd_create("initd-plan", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return failure(errno, "memfd_create", "initd-plan");
  for (std::size_t done = 0; done < plan.size();) {
    const ssize_t wrote = write(fd.get(), plan.data() + done, plan.size() - done);
    if (wrote < 0 && errno != EINTR) return failure(errno, "write", "initd-plan");
    if (wrote > 0) done += static_cast<std::size_t>(wrote);
  }
  if (fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0) {
    return failure(errno, "seal", "initd-plan");
  }
  return fd;
}

std::span<const std::byte> bytes_of(const auto& value) {
  return std::as_bytes(std::span(&value, 1));
}

}  // namespace

Result<> ChannelClient::send(MessageType type, std::span<const std::byte> body,
                             std::span<const std::byte> payload, std::span<const int> fds) {
  channel::MessageHeader header;
  header.type = type;
  header.sequence = ++sequence_;
  header.payload = static_cast<std::uint32_t>(payload.size());
  header.fd_count = static_cast<std::uint32_t>(fds.size());
  const auto part = [](std::span<const std::byte> bytes) {
    return iovec{const_cast<std::byte*>(bytes.data()), bytes.size()};
  };
  std::array<iovec, 3> parts{part(bytes_of(header)), part(body), part(payload)};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(channel::kMaxMessageFds * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  if (!fds.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* first = CMSG_FIRSTHDR(&message);
    first->cmsg_level = SOL_SOCKET;
    first->cmsg_type = SCM_RIGHTS;
    first->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(first), fds.data(), fds.size_bytes());
  }
  while (sendmsg(socket_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
    if (errno == EAGAIN || errno == ENOBUFS) {
      wait_for(socket_.get(), POLLOUT);
    } else if (errno != EINTR) {
      return failure(errno, "send to PID 1");
    }
  }
  return {};
}

template <class Body>
Result<> ChannelClient::send_body(MessageType type, const Body& body, std::span<const int> fds) {
  return send(type, bytes_of(body), {}, fds);
}

Result<> ChannelClient::spawn(channel::SpawnBody body, std::span<const std::byte> plan,
                              std::span<const int> fds) {
  constexpr std::size_t kRoom =
      channel::kMaxMessage - sizeof(channel::MessageHeader) - sizeof(channel::SpawnBody);
  if (plan.size() <= kRoom) return send(MessageType::Spawn, bytes_of(body), plan, fds);
  auto memfd = plan_memfd(plan);
  if (!memfd) return Failure(memfd.error());
  // Order of the fds: cgroup directory, cgroup.procs, plan, passed.
  std::size_t at = 0;
  if ((body.flags & channel::kSpawnHasCgroup) != 0) ++at;
  if ((body.flags & channel::kSpawnHasCgroupProcs) != 0) ++at;
  std::vector<int> all(fds.begin(), fds.end());
  all.insert(all.begin() + static_cast<std::ptrdiff_t>(at), memfd->get());
  body.flags |= channel::kSpawnPlanInMemfd;
  return send(MessageType::Spawn, bytes_of(body), {}, all);
}

Result<> ChannelClient::signal(const channel::SignalBody& body) {
  return send_body(MessageType::Signal, body);
}

Result<> ChannelClient::acknowledge(std::uint32_t slot, std::uint32_t attempt) {
  return send_body(MessageType::Acknowledge, channel::SlotBody{slot, attempt});
}

Result<> ChannelClient::store(std::uint32_t kind, std::uint64_t tag, int fd) {
  return send_body(MessageType::StoreFd, channel::StoreBody{tag, kind, 0}, std::span(&fd, 1));
}

Result<> ChannelClient::drop(std::uint32_t kind, std::uint64_t tag) {
  return send_body(MessageType::DropFd, channel::StoreBody{tag, kind, 0});
}

Result<> ChannelClient::finish(const channel::FinishBody& body) {
  return send_body(MessageType::Finish, body);
}

Result<> ChannelClient::ready() {
  return send(MessageType::Ready, {}, {}, {});
}

Result<ChannelClient::Received> ChannelClient::receive(bool wait) {
  Received received;
  received.body.resize(1024);
  iovec parts[2] = {{&received.header, sizeof received.header}, {received.body.data(), received.body.size()}};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t size = 0;
  while ((size = recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT)) < 0) {
    if (errno == EAGAIN && wait) {
      wait_for(socket_.get(), POLLIN);
    } else if (errno != EINTR) {
      return failure(errno, "receive from PID 1");
    }
  }
  if (size == 0) return failure(ECONNRESET, "receive from PID 1");
  const cmsghdr* first = CMSG_FIRSTHDR(&message);
  if (first != nullptr && first->cmsg_type == SCM_RIGHTS) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(first), sizeof fd);
    received.fd.reset(fd);
  }
  const auto whole = static_cast<std::size_t>(size);
  if (whole < sizeof received.header) return failure(EBADMSG, "receive from PID 1", "short message");
  received.body.resize(whole - sizeof received.header);
  return received;
}

Result<UniqueFd> ChannelClient::fetch(std::uint32_t kind, std::uint64_t tag) {
  if (auto sent = send_body(MessageType::FetchFd, channel::StoreBody{tag, kind, 0}); !sent)
    return Failure(sent.error());
  while (true) {
    auto received = receive(true);
    if (!received) return Failure(received.error());
    if (received->header.type == MessageType::Fd) return std::move(received->fd);
    if (received->header.type == MessageType::Ping) (void)send(MessageType::Pong, {}, {}, {});
  }
}

Result<std::uint64_t> ChannelClient::await_resumed() {
  auto received = receive(true);
  if (!received) return Failure(received.error());
  channel::ResumedBody body;
  if (received->header.type != MessageType::Resumed || received->body.size() < sizeof body) {
    return failure(EBADMSG, "receive from PID 1", "the first message is not Resumed");
  }
  std::memcpy(&body, received->body.data(), sizeof body);
  return body.epoch;
}

Result<> ChannelClient::drain() {
  while (true) {
    auto received = receive(false);
    if (!received) {
      if (received.error().code == EAGAIN) return {};
      return Failure(received.error());
    }
    if (received->header.type == MessageType::Ping) (void)send(MessageType::Pong, {}, {}, {});
  }
}

}  // namespace init::manager
