// PID 1 as a whole: its rooms, and the loop that ties them together.
#pragma once
#include "daemon/pid1/alone.h"
#include "daemon/pid1/channel.h"
#include "daemon/pid1/children.h"
#include "daemon/pid1/facts.h"
#include "daemon/pid1/fault.h"
#include "daemon/pid1/finish.h"
#include "daemon/pid1/guard.h"
#include "libinit/process/poller.h"

namespace init::pid1 {

class Pid1 {
 public:
  // Where facts, loop, signals and guard are ready. Never returns.
  [[noreturn]] void run(bool resumed) noexcept;

  Facts facts;
  process::Poller loop;
  Children children{facts, loop};
  Channel channel{facts, loop};
  Guard guard{facts, children, channel};
  Finish finish{facts, children};
  Alone alone{facts, loop, children, guard, finish};
  UniqueFd signals;
  // READY=1 goes here once: the value of NOTIFY_SOCKET, nullptr = nobody asked or all is said.
  const char* notify_socket = nullptr;

 private:
  void turn() noexcept;
  void settle_turn() noexcept;
  void stop_without_manager() noexcept;
  void take_over() noexcept;
  void execute_next() noexcept;
  [[nodiscard]] MonotonicTime next_deadline() const noexcept;
  // signals.cpp
  void read_signals() noexcept;
  void take_signal(int signal, std::int32_t pid, std::uint32_t uid) noexcept;
  // dispatch.cpp
  void channel_ready() noexcept;
  void drain_channel() noexcept;
  void handle(channel::Packet& packet) noexcept;
  void manager_ended() noexcept;
  void ready() noexcept;
  void renew(channel::Packet& packet) noexcept;

  std::uint64_t malformed_ = 0;
  bool renewing_ = false;
  Resume before_;               // what to go back to where the kernel refuses
  bool asked_to_stop_ = false;  // by TERM or INT, where initd can end
};

// signals.cpp: all signals but those of a fault, from the first instruction on.
void block_signals() noexcept;
[[nodiscard]] int open_signals() noexcept;

}  // namespace init::pid1
