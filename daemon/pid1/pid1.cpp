#include "daemon/pid1/pid1.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "daemon/pid1/log.h"
#include "daemon/pid1/start.h"

namespace init::pid1 {

void Pid1::run(bool resumed) noexcept {
  if (resumed) {
    children.resume();
  } else {
    children.start();
  }
  if (loop.add(signals.get(), EPOLLIN, {kSignals, 0}) != 0) log_line("signals: the loop does not take them");
  children.sweep(true);
  if (resumed) take_over();
  if (guard.pid() == 0) guard.act();
  for (;;) turn();
}

// The signal of a manager's end may have gone with the earlier self, and so may a request of its own. What
// stands behind that one in the channel may rest on it, as a spawn does on what was stored for it.
void Pid1::take_over() noexcept {
  guard.ring();
  if (std::exchange(facts.own().packet_in_hand, 0) != 0) guard.hang_up();
  if (guard.has_ended()) manager_ended();
}

void Pid1::execute_next() noexcept {
  execute_anew();
  log_line("the kernel refuses to execute initd anew, the old one goes on");
  settle_descriptors(true);
  Resume& next = facts.edit_resume();
  const int self = std::exchange(next.self, before_.self);
  const int program = std::exchange(next.program, before_.program);
  if (self != before_.self) {
    close(self);
    close(program);
  }
  renewing_ = false;
}

void Pid1::stop_without_manager() noexcept {
  log_line("no manager to stop the services: ending everything");
  asked_to_stop_ = false;
  guard.retire();
  finish.begin({.kind = channel::FinishKind::Exit, .exit_code = 1});
}

void Pid1::turn() noexcept {
  for (const process::Ready& ready : loop.wait(next_deadline())) {
    switch (ready.token.kind) {
      case kReport:
        children.read_reports(ready.token.index);
        break;
      case kExit:
        children.exit_ready(ready.token.index);
        break;
      case kSignals:
        read_signals();
        break;
      case kChannel:
        channel_ready();
        break;
      case kCaller:
        alone.caller_ready(ready.token.index == 0);
        break;
      default:
        break;
    }
  }
  settle_turn();
  const MonotonicTime now = monotonic_now();
  if (now >= children.sweep_due()) children.sweep(false);
  if (now >= guard.due()) guard.act();
  alone.step();
  if (asked_to_stop_ && now >= guard.given_up_at()) stop_without_manager();
  if (finish.begun()) finish.step();
  settle_turn();
  if (renewing_ && !finish.begun()) execute_next();
}

// One write protection and one doorbell for all that happened.
void Pid1::settle_turn() noexcept {
  if (facts.seal()) guard.ring();
}

MonotonicTime Pid1::next_deadline() const noexcept {
  const MonotonicTime stop_at = asked_to_stop_ ? guard.given_up_at() : MonotonicTime::never();
  return std::min({children.sweep_due(), guard.due(), alone.due(), finish.due(), stop_at});
}

}  // namespace init::pid1
