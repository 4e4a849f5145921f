// The manager's end of the channel to PID 1. Requests block only while PID 1's queue is full, and PID 1 never
// blocks.
#pragma once
#include <span>
#include <vector>

#include "daemon/channel/messages.h"
#include "libinit/base/result.h"
#include "libinit/base/unique_fd.h"

namespace init::manager {

class ChannelClient {
 public:
  explicit ChannelClient(UniqueFd socket) noexcept : socket_(std::move(socket)) {}

  [[nodiscard]] int fd() const { return socket_.get(); }

  // fds are borrowed. Plans over kMaxMessage go as a sealed memfd.
  Result<> spawn(channel::SpawnBody body, std::span<const std::byte> plan, std::span<const int> fds);
  Result<> signal(const channel::SignalBody& body);
  Result<> acknowledge(std::uint32_t slot, std::uint32_t attempt);
  Result<> store(std::uint32_t kind, std::uint64_t tag, int fd);
  Result<> drop(std::uint32_t kind, std::uint64_t tag);
  Result<> finish(const channel::FinishBody& body);
  Result<> ready();
  // An invalid fd: there is no such entry. Waits for the answer; other messages that come meanwhile are pings
  // and are answered.
  Result<UniqueFd> fetch(std::uint32_t kind, std::uint64_t tag);
  // The first message of all: which start of the manager this is.
  Result<std::uint64_t> await_resumed();
  // Answers pings. ECONNRESET: PID 1 has let go of this manager.
  Result<> drain();

 private:
  struct Received {
    channel::MessageHeader header;
    std::vector<std::byte> body;
    UniqueFd fd;
  };
  Result<> send(channel::MessageType type, std::span<const std::byte> body,
                std::span<const std::byte> payload, std::span<const int> fds);
  template <class Body>
  Result<> send_body(channel::MessageType type, const Body& body, std::span<const int> fds = {});
  Result<Received> receive(bool wait);

  UniqueFd socket_;
  std::uint32_t sequence_ = 0;
};

}  // namespace init::manager
