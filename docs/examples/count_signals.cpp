// Counts USR1 until INT (Ctrl-C) or TERM comes.
#include "docs/examples/report.h"
#include "libinit/loop/event_loop.h"
#include "libinit/loop/signals.h"

using init::loop::EventLoop;
using init::loop::Signal;
using init::loop::SignalGuard;
using init::loop::Task;

namespace {

Task<int> count(SignalGuard& signals) {
  for (int counted = 0;; ++counted) {
    std::printf("USR1 came %d times\n", counted);
    std::fflush(stdout);
    const Signal signal = co_await co_await signals.next();
    if (signal.number != SIGUSR1) co_return counted;
  }
}

}  // namespace

int main() {
  auto signals = SignalGuard::create({SIGUSR1, SIGINT, SIGTERM});
  if (!signals) return report(signals.error());
  EventLoop loop;
  const auto counted = loop.run(count(*signals));
  if (!counted) return report(counted.error());
  std::printf("ended cleanly after %d\n", *counted);
}
