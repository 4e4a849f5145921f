#include "daemon/pid1/pid1.h"

#include <sys/epoll.h>

#include <algorithm>

#include "daemon/pid1/log.h"

namespace init::pid1 {

void Pid1::run(const Resume& resume, bool resumed) noexcept {
  if (resumed) {
    children.resume(resume.file_limit);
  } else {
    children.start();
  }
  Resume next = resume;
  next.file_limit = children.file_limit();
  set_resume(next);
  if (loop.add(signals.get(), EPOLLIN, {kSignals, 0}) != 0) log_line("signals: the loop does not take them");
  children.sweep(true);
  if (resumed) take_over(resume.lost_packet != 0);
  if (guard.pid() == 0) act_on_manager();
  for (;;) turn();
}

// The signal of a manager's end may have gone with the earlier self, and so may a request of its own.
void Pid1::take_over(bool lost_packet) noexcept {
  guard.ring();
  if (guard.has_ended()) {
    manager_ended();
  } else if (lost_packet) {
    guard.kill_manager();
  }
}

void Pid1::act_on_manager() noexcept {
  guard.act();
  Resume next = current_resume();
  next.socket = channel.socket();
  next.doorbell = channel.doorbell();
  next.manager_pid = guard.pid();
  set_resume(next);
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
      default:
        break;
    }
  }
  settle_turn();
  const MonotonicTime now = monotonic_now();
  if (now >= children.sweep_due()) {
    children.sweep(false);
    settle_turn();
  }
  if (now >= guard.due()) act_on_manager();
  if (asked_to_stop_ && now >= guard.given_up_at()) stop_without_manager();
  if (finish.begun()) finish.step();
}

// The manager learns of a turn at its end: one write protection and one doorbell for all that happened in it.
void Pid1::settle_turn() noexcept {
  if (facts.seal()) guard.ring();
}

MonotonicTime Pid1::next_deadline() const noexcept {
  const MonotonicTime stop_at = asked_to_stop_ ? guard.given_up_at() : MonotonicTime::never();
  return std::min({children.sweep_due(), guard.due(), finish.due(), stop_at});
}

}  // namespace init::pid1
