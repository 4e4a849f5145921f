// The end of all: TERM to whatever is left, KILL after the grace, and then initd's own end: by _exit, or on a
// machine by reboot(2), after the manager's program has unmounted everything in a limited time.
#pragma once
#include "daemon/channel/messages.h"
#include "daemon/pid1/children.h"

namespace init::pid1 {

class Finish {
 public:
  Finish(Facts& facts, Children& children) noexcept : facts_(facts), children_(children) {}

  void begin(const channel::FinishBody& request) noexcept;
  [[nodiscard]] bool begun() const noexcept { return phase_ != Phase::None; }
  // Each turn of the loop once begun; does not return from the last one.
  void step() noexcept;
  [[nodiscard]] MonotonicTime due() const noexcept { return deadline_; }

 private:
  enum class Phase { None, Terminating, Killing, Unmounting };
  [[nodiscard]] bool is_pid1() const noexcept {
    return facts_.header().environment != channel::Environment::Process;
  }
  void signal_everything(int signal) noexcept;
  void enter(Phase phase, Duration limit) noexcept;
  void leave() noexcept;
  [[noreturn]] void power() noexcept;

  Facts& facts_;
  Children& children_;
  Phase phase_ = Phase::None;
  channel::FinishBody request_{};
  MonotonicTime deadline_ = MonotonicTime::never();
  std::int32_t helper_ = 0;
};

}  // namespace init::pid1
