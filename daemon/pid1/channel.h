// PID 1's end of the channel to the manager of the moment, and the doorbell. Nothing here waits for the
// manager: one that lets its answers pile up until the socket is full is broken.
#pragma once
#include "daemon/channel/packet.h"
#include "daemon/pid1/children.h"
#include "daemon/pid1/facts.h"
#include "libinit/process/poller.h"

namespace init::pid1 {

// The store table: fds that outlive managers (daemon/channel/facts.h). put takes the fd.
void store_put(Facts& facts, const channel::StoreBody& entry, int fd) noexcept;
void store_drop(Facts& facts, const channel::StoreBody& entry) noexcept;
[[nodiscard]] int store_find(const Facts& facts,
                             const channel::StoreBody& entry) noexcept;  // -1 = no such entry

class Channel {
 public:
  Channel(Facts& facts, process::Poller& loop) noexcept : facts_(facts), loop_(loop) {}

  // A new pair, in place of the old one. The manager's end, or -1 with errno.
  [[nodiscard]] int open_pair() noexcept;
  // Both ends of an earlier self's making.
  void adopt(int socket, int doorbell) noexcept;
  void close_pair() noexcept;

  [[nodiscard]] channel::Packet::Outcome receive() noexcept { return packet_.receive(socket_.get()); }
  [[nodiscard]] channel::Packet& packet() noexcept { return packet_; }

  void send_resumed(std::uint64_t epoch) noexcept;
  void send_stored(std::uint32_t sequence, const channel::StoreBody& entry) noexcept;
  // True once the manager has let its answers pile up until the socket was full.
  [[nodiscard]] bool broken() const noexcept { return broken_; }
  void ring() const noexcept;
  // The doorbell has been rung and not been read since.
  [[nodiscard]] bool is_unread() const noexcept;

  [[nodiscard]] int socket() const noexcept { return socket_.get(); }
  [[nodiscard]] int doorbell() const noexcept { return doorbell_.get(); }

 private:
  void send(const channel::Outgoing& message) noexcept;

  Facts& facts_;
  process::Poller& loop_;
  UniqueFd socket_;
  UniqueFd doorbell_;
  channel::Packet packet_;
  bool broken_ = false;
};

}  // namespace init::pid1
