// The guard of the manager: starts it, learns of its end, starts it again. At once as long as that helps;
// from the fifth death in a row on it waits a second, from the tenth on a minute, and at once again
// after a manager that has lived for a minute. A manager that was killed by SIGKILL did nothing wrong and is
// not counted: its successor waits 100 ms at most. One that leaves the doorbell unread for too long hangs: it
// gets ABRT, and KILL two seconds later.
#pragma once
#include "daemon/pid1/channel.h"

namespace init::pid1 {

class Guard {
 public:
  Guard(Facts& facts, Children& children, Channel& channel) noexcept
      : facts_(facts), children_(children), channel_(channel) {}

  // The manager's program was opened once, so that losing its path later does not matter; argv is what it is
  // started with.
  void arm(char** argv, Duration patience) noexcept;
  // The manager that an earlier self has started, if there is one.
  void resume() noexcept;

  // The time of due() has come: for a new manager, or for a look at one that may hang.
  void act() noexcept;
  // Rings the doorbell. The manager is not looked at while it has read all.
  void ring() noexcept;
  // It is up.
  void ready() noexcept { missing_since_ = MonotonicTime::never(); }
  // True: the manager has ended. Whatever it still asked for stands in the channel; then comes settle().
  [[nodiscard]] bool has_ended() noexcept;
  void settle() noexcept;
  void kill_manager() noexcept;
  // Of a manager that has closed its end and lives on: of no use to anyone.
  void hang_up() noexcept;
  // There is none, and the last ones have all crashed.
  [[nodiscard]] bool alone() const noexcept {
    return pid_ == 0 && !retired_ && facts_.header().manager_deaths >= channel::kDeathsToAlone;
  }
  void try_now() noexcept { due_ = MonotonicTime{}; }
  // No more managers: the end of all has begun.
  void retire() noexcept {
    due_ = MonotonicTime::never();
    retired_ = true;
  }

  [[nodiscard]] std::int32_t pid() const noexcept { return pid_; }
  [[nodiscard]] MonotonicTime due() const noexcept { return due_; }
  // When to do without: no manager will have been ready for too long. never() while there is one.
  [[nodiscard]] MonotonicTime given_up_at() const noexcept { return missing_since_ + patience_; }

 private:
  void start() noexcept;
  void record() noexcept;
  void close_channel() noexcept;
  void look() noexcept;
  [[nodiscard]] std::int32_t fork_manager(int socket) noexcept;
  [[noreturn]] void become_manager(int socket, const Resume& open) noexcept;
  [[nodiscard]] Duration next_delay(Duration lived, bool killed) noexcept;

  Facts& facts_;
  Children& children_;
  Channel& channel_;
  char** argv_ = nullptr;
  std::int32_t pid_ = 0;
  bool retired_ = false;
  bool at_fault_ = false;  // did not answer
  Duration patience_{};
  MonotonicTime due_ = MonotonicTime::never();
  MonotonicTime started_{};
  MonotonicTime missing_since_ = monotonic_now();
};

}  // namespace init::pid1
