#include "daemon/manager/os/channel_client.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>

#include <cerrno>

namespace init::manager {
namespace {

using channel::MessageType;
using channel::Packet;

// PID 1 begins with the first while the rest is still being collected.
constexpr std::size_t kMany = 64;

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

}  // namespace

Result<> ChannelClient::send(channel::Outgoing message) {
  flush();
  return send_now(message);
}

Result<> ChannelClient::send_now(channel::Outgoing message) {
  message.sequence = ++sequence_;
  while (const int error = channel::send_packet(socket_.get(), message)) {
    if (error == EAGAIN || error == ENOBUFS) {
      wait_for(socket_.get(), POLLOUT);
    } else if (error != EINTR) {
      return failure(error, "send to PID 1");
    }
  }
  return {};
}

template <class Body>
Result<> ChannelClient::send_body(MessageType type, const Body& body, std::span<const int> fds) {
  return send({type, 0, channel::body_bytes(body), {}, fds});
}

Result<> ChannelClient::spawn(channel::SpawnBody body, std::span<const std::byte> plan,
                              std::span<const int> fds) {
  constexpr std::size_t kRoom =
      channel::kMaxMessage - sizeof(channel::MessageHeader) - sizeof(channel::SpawnBody);
  if (plan.size() <= kRoom && (body.flags & channel::kSpawnKept) == 0)
    return send({MessageType::Spawn, 0, channel::body_bytes(body), plan, fds});
  auto memfd = plan_memfd(plan);
  if (!memfd) return Failure(memfd.error());
  // Order of the fds: cgroup directory, cgroup.procs, plan, passed.
  std::ptrdiff_t at = 0;
  if ((body.flags & channel::kSpawnHasCgroup) != 0) ++at;
  if ((body.flags & channel::kSpawnHasCgroupProcs) != 0) ++at;
  std::vector<int> all(fds.begin(), fds.end());
  all.insert(all.begin() + at, memfd->get());
  body.flags |= channel::kSpawnPlanInMemfd;
  return send({MessageType::Spawn, 0, channel::body_bytes(body), {}, all});
}

void ChannelClient::signal(const channel::Signal& one) {
  signals_.push_back(one);
  if (signals_.size() >= kMany) flush();
}

void ChannelClient::acknowledge(const channel::Ended& one) {
  ended_.push_back(one);
  if (ended_.size() >= kMany) flush();
}

// That PID 1 is gone shows in drain().
void ChannelClient::flush() {
  if (!signals_.empty()) (void)send_now({MessageType::Signal, 0, {}, std::as_bytes(std::span(signals_)), {}});
  if (!ended_.empty())
    (void)send_now({MessageType::Acknowledge, 0, {}, std::as_bytes(std::span(ended_)), {}});
  signals_.clear();
  ended_.clear();
}

Result<> ChannelClient::watch(const channel::WatchBody& body) {
  return send_body(MessageType::Watch, body);
}

Result<> ChannelClient::drop(std::uint32_t kind, std::uint64_t tag) {
  return send_body(MessageType::DropFd, channel::StoreBody{tag, kind, 0});
}

Result<> ChannelClient::store(std::uint32_t kind, std::uint64_t tag, int fd) {
  return send_body(MessageType::StoreFd, channel::StoreBody{tag, kind, 0}, std::span(&fd, 1));
}

Result<> ChannelClient::finish(const channel::FinishBody& body) {
  return send_body(MessageType::Finish, body);
}

Result<> ChannelClient::ready() {
  return send({MessageType::Ready, 0, {}, {}, {}});
}

Result<> ChannelClient::renew(std::span<const int> fds) {
  return send({MessageType::Renew, 0, {}, {}, fds});
}

Result<> ChannelClient::await(MessageType type) {
  while (true) {
    switch (packet_->receive(socket_.get())) {
      case Packet::Outcome::Closed:
        return failure(ECONNRESET, "receive from PID 1");
      case Packet::Outcome::Empty:
        wait_for(socket_.get(), POLLIN);
        break;
      case Packet::Outcome::Malformed:
        break;
      case Packet::Outcome::Message:
        if (packet_->header().type == type) return {};
        break;
    }
  }
}

Result<UniqueFd> ChannelClient::fetch(std::uint32_t kind, std::uint64_t tag) {
  if (auto sent = send_body(MessageType::FetchFd, channel::StoreBody{tag, kind, 0}); !sent) {
    return Failure(sent.error());
  }
  if (auto came = await(MessageType::Fd); !came) return Failure(came.error());
  return UniqueFd(packet_->fds().empty() ? -1 : packet_->take_fd(0));
}

Result<std::uint64_t> ChannelClient::await_resumed() {
  if (auto came = await(MessageType::Resumed); !came) return Failure(came.error());
  return packet_->body<channel::ResumedBody>().epoch;
}

Result<> ChannelClient::drain() {
  while (true) {
    switch (packet_->receive(socket_.get())) {
      case Packet::Outcome::Closed:
        return failure(ECONNRESET, "receive from PID 1");
      case Packet::Outcome::Empty:
        return {};
      case Packet::Outcome::Malformed:
      case Packet::Outcome::Message:
        break;
    }
  }
}

}  // namespace init::manager
