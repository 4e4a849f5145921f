// The smallest init: runs one command, hands signals on to it, reaps everything, ends as the command did.
//   example_pid1 PROGRAM [ARGUMENT...]
// (`initd -- PROGRAM` is the one for real containers: docs/containers.md.)
#include "docs/examples/report.h"
#include "libinit/loop/event_loop.h"
#include "libinit/loop/reaper.h"
#include "libinit/process/command.h"

using init::loop::EventLoop;
using init::loop::Reaped;
using init::loop::Reaper;
using init::loop::Signal;
using init::loop::SignalGuard;
using init::loop::Task;
using init::process::Child;
using init::process::Command;
using init::process::ExitStatus;
using init::process::Pid;
using init::process::Stdio;

namespace {

Task<> hand_on(SignalGuard& signals, Child& child) {
  for (;;) {
    const Signal signal = co_await co_await signals.next();
    static_cast<void>(!child.signal(signal.number));  // it may have just ended
  }
}

Task<ExitStatus> reap_until(Reaper& reaper, Pid command) {
  for (;;) {
    const Reaped ended = co_await co_await reaper.next();
    if (ended.pid == command) co_return ended.status;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return report({0, "usage", "example_pid1 PROGRAM [ARGUMENT...]", {}, {}}) + 1;
  // Both before the child exists: no signal falls between.
  auto reaper = Reaper::create({.adopt = true});
  if (!reaper) return report(reaper.error());
  auto signals = SignalGuard::create({SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2});
  if (!signals) return report(signals.error());

  Command command(argv[1]);
  command.args(std::vector<std::string>(argv + 2, argv + argc)).standard_input(Stdio::inherit());
  auto child = command.spawn();
  if (!child) return report(child.error());

  EventLoop loop;
  loop.spawn(hand_on(*signals, *child));
  const auto status = loop.run(reap_until(*reaper, child->pid()));
  if (!status) return report(status.error());
  return status->kind == ExitStatus::Kind::Exited ? status->value : 128 + status->value;
}
