// Packets of the channel: how messages.h goes over the SOCK_SEQPACKET pair. Used by PID 1 and the manager
// alike; no heap.
#pragma once
#include <array>
#include <cstddef>
#include <cstring>
#include <span>

#include "daemon/channel/messages.h"

namespace init::channel {

// Bytes of the body that follows the header; kMaxMessage for a type that does not exist.
[[nodiscard]] std::size_t body_size(MessageType type) noexcept;

// One message to send. body must have the size of its type; the fds stay the caller's.
struct Outgoing {
  MessageType type = MessageType::Invalid;
  std::uint32_t sequence = 0;
  std::span<const std::byte> body{};
  std::span<const std::byte> payload{};
  std::span<const int> fds{};
};

// Sends without blocking. 0 or an errno: EAGAIN = the queue is full, EMSGSIZE = longer than kMaxMessage or
// too many fds, EPIPE = nobody there (no SIGPIPE is raised).
[[nodiscard]] int send_packet(int socket, const Outgoing& message) noexcept;

template <class Body>
[[nodiscard]] std::span<const std::byte> body_bytes(const Body& body) noexcept {
  return std::as_bytes(std::span<const Body, 1>(&body, 1));
}

// The last packet received. Owns its fds (O_CLOEXEC): those not taken are closed by the next receive.
class Packet {
 public:
  enum class Outcome { Message, Malformed, Empty, Closed };

  Packet() noexcept = default;
  Packet(const Packet&) = delete;
  Packet& operator=(const Packet&) = delete;
  ~Packet() { close_fds(); }

  // Never blocks. Message: header, body and fds are consistent with each other. Malformed: dropped, its fds
  // closed.
  [[nodiscard]] Outcome receive(int socket) noexcept;

  [[nodiscard]] MessageHeader header() const noexcept { return copy<MessageHeader>(0); }
  template <class Body>
  [[nodiscard]] Body body() const noexcept {
    return copy<Body>(sizeof(MessageHeader));
  }
  // Writable, 8-aligned for Spawn; valid until the next receive.
  [[nodiscard]] std::span<std::byte> payload() noexcept;
  // Calls visit with each whole Item that the payload is a list of.
  template <class Item, class Visit>
  void each(Visit visit) noexcept {
    for (auto left = payload(); left.size() >= sizeof(Item); left = left.subspan(sizeof(Item))) {
      Item item;
      std::memcpy(&item, left.data(), sizeof(item));
      visit(item);
    }
  }
  [[nodiscard]] std::span<const int> fds() const noexcept { return {fds_.data(), fd_count_}; }
  // The fd becomes the caller's; its place holds -1 from then on.
  [[nodiscard]] int take_fd(std::size_t index) noexcept;
  void close_fds() noexcept;

 private:
  template <class T>
  T copy(std::size_t offset) const noexcept {
    T value;
    std::memcpy(&value, buffer_.data() + offset, sizeof(value));
    return value;
  }
  [[nodiscard]] bool consistent() const noexcept;

  alignas(16) std::array<std::byte, kMaxMessage + 1> buffer_{};
  std::size_t size_ = 0;
  std::array<int, kMaxMessageFds> fds_{};
  std::size_t fd_count_ = 0;
};

}  // namespace init::channel
