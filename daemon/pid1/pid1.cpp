#include "daemon/pid1/pid1.h"

#include <sys/epoll.h>

#include <algorithm>

#include "daemon/pid1/log.h"

namespace init::pid1 {

void Pid1::run(bool resumed) noexcept {
  children.start(resumed);
  if (loop.add(signals.get(), EPOLLIN, {kSignals, 0}) != 0) log_line("signals: the loop does not take them");
  children.sweep(true);
  if (guard.pid() == 0) guard.start();
  for (;;) turn();
}

void Pid1::turn() noexcept {
  for (const process::Ready& ready : loop.wait(next_deadline())) {
    switch (ready.token.kind) {
      case kReport:
        children.report_ready(ready.token.index);
        break;
      case kExit:
        children.exit_ready(ready.token.index);
        break;
      case kSignals:
        read_signals();
        break;
      case kChannel:
        channel_ready(ready.events);
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
  if (now >= guard.due()) guard.start();
  if (finish.begun()) finish.step();
}

// The manager learns of a turn at its end: one write protection and one doorbell for all that happened in it.
void Pid1::settle_turn() noexcept {
  if (facts.seal()) channel.ring();
}

MonotonicTime Pid1::next_deadline() const noexcept {
  return std::min({children.sweep_due(), guard.due(), finish.due()});
}

}  // namespace init::pid1
