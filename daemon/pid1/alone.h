// PID 1 without a manager, when each one that it starts crashes. It starts the kept services again, a second
// after their end, and answers root in six words on a socket that an earlier manager has left in the store,
// until a manager lives again. One line a connection; clients are served one at a time, the newest first.
#pragma once
#include "daemon/pid1/children.h"
#include "daemon/pid1/finish.h"
#include "daemon/pid1/guard.h"
#include "daemon/pid1/log.h"

namespace init::pid1 {

class Alone {
 public:
  Alone(Facts& facts, process::Poller& loop, Children& children, Guard& guard, Finish& finish) noexcept
      : facts_(facts), loop_(loop), children_(children), guard_(guard), finish_(finish) {}

  // Once a turn.
  void step() noexcept;
  // kCaller: a connection, or what one has sent.
  void caller_ready(bool listener) noexcept;
  [[nodiscard]] MonotonicTime due() const noexcept { return due_; }

 private:
  void begin() noexcept;
  void end() noexcept;
  void drop_caller() noexcept;
  void answer(char* line) noexcept;
  void say(const Line& line) noexcept;
  void list() noexcept;
  void end_process(std::uint32_t index, bool for_good) noexcept;
  void finish(channel::FinishKind kind) noexcept;

  Facts& facts_;
  process::Poller& loop_;
  Children& children_;
  Guard& guard_;
  Finish& finish_;
  bool begun_ = false;
  int listener_ = -1;  // the store's
  UniqueFd caller_;
  MonotonicTime due_ = MonotonicTime::never();
};

}  // namespace init::pid1
