// The manager's end of the channel to PID 1. Requests block only while PID 1's queue is full, and PID 1 never
// blocks.
#pragma once
#include <memory>
#include <span>
#include <vector>

#include "daemon/channel/messages.h"
#include "daemon/channel/packet.h"
#include "libinit/base/result.h"
#include "libinit/base/unique_fd.h"

namespace init::manager {

// Every request fails with the errno of sendmsg(2); EPIPE and ECONNRESET: PID 1 has let go of this manager.
class ChannelClient {
 public:
  explicit ChannelClient(UniqueFd socket) noexcept : socket_(std::move(socket)) {}

  [[nodiscard]] int fd() const { return socket_.get(); }

  // fds are borrowed. A plan that does not fit a message goes as a sealed memfd.
  Result<> spawn(channel::SpawnBody body, std::span<const std::byte> plan, std::span<const int> fds);
  // Collected: they go together, before any other message, with flush(), or when there are many.
  void signal(const channel::Signal& one);
  void acknowledge(const channel::Ended& one);
  void flush();
  Result<> watch(const channel::WatchBody& body);
  Result<> store(std::uint32_t kind, std::uint64_t tag, int fd);
  Result<> drop(std::uint32_t kind, std::uint64_t tag);  // none such is success
  Result<> finish(const channel::FinishBody& body);
  Result<> ready();
  // fds: none, or what is to run from now on (channel/messages.h). Nothing that is asked for later is carried
  // out by this PID 1.
  Result<> renew(std::span<const int> fds);
  // Waits for the answer. An invalid fd: there is no such entry.
  Result<UniqueFd> fetch(std::uint32_t kind, std::uint64_t tag);
  // The first message of all: which start of the manager this is.
  Result<std::uint64_t> await_resumed();
  // Nothing is said that was not asked for: only the end of PID 1's interest shows.
  Result<> drain();

 private:
  Result<> send(channel::Outgoing message);
  Result<> send_now(channel::Outgoing message);
  template <class Body>
  Result<> send_body(channel::MessageType type, const Body& body, std::span<const int> fds = {});
  // Waits for a message of this type; it stands in packet_ then.
  Result<> await(channel::MessageType type);

  UniqueFd socket_;
  std::unique_ptr<channel::Packet> packet_ = std::make_unique<channel::Packet>();
  std::uint32_t sequence_ = 0;
  std::vector<channel::Signal> signals_;
  std::vector<channel::Ended> ended_;
};

}  // namespace init::manager
