// Signals come through a signalfd. CHLD is PID 1's own; of all others the facts say that they came, and the
// manager decides what they mean.
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "daemon/pid1/log.h"
#include "daemon/pid1/pid1.h"
#include "libinit/sys/calls.h"

namespace init::pid1 {
void block_signals() noexcept {
  const sigset_t set = everything_but_faults();
  sigprocmask(SIG_SETMASK, &set, nullptr);
  // Nothing stays ignored as initd's own parent had it: children need not undo it then, and a CHLD that is
  // ignored would make the kernel reap for us. A stopped child is no news.
  const sys::SignalAction to_default{.flags = SA_NOCLDSTOP};  // libc's function refuses 32 and 33
  for (int signal = 1; signal < static_cast<int>(channel::kSignalCount); ++signal)
    sys::rt_sigaction(signal, &to_default, nullptr);
}

int open_signals() noexcept {
  const sigset_t set = everything_but_faults();
  return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

void Pid1::read_signals() noexcept {
  std::array<signalfd_siginfo, 16> batch;
  const ssize_t got = ::read(signals.get(), batch.data(), sizeof(batch));
  for (std::size_t i = 0; got > 0 && i < static_cast<std::size_t>(got) / sizeof(signalfd_siginfo); ++i) {
    const signalfd_siginfo& info = batch[i];
    take_signal(static_cast<int>(info.ssi_signo), static_cast<std::int32_t>(info.ssi_pid), info.ssi_uid);
  }
}

void Pid1::take_signal(int signal, std::int32_t pid, std::uint32_t uid) noexcept {
  if (signal == SIGCHLD) {
    children.child_signal();
    if (guard.has_ended()) manager_ended();
    return;
  }
  const bool machine = facts.header().environment == channel::Environment::Machine;
  if (signal == SIGTERM && machine) execute_anew();  // as systemd has it; where it fails, the manager is told
  if (signal == SIGPIPE || signal >= static_cast<int>(channel::kSignalCount)) return;
  channel::SignalFact& fact = facts.edit().signals[static_cast<std::size_t>(signal)];
  fact = {.count = fact.count + 1, .sender_pid = pid, .sender_uid = uid};
  facts.announce(channel::kChangeSignals);
  asked_to_stop_ = asked_to_stop_ || (!machine && (signal == SIGTERM || signal == SIGINT));
}

}  // namespace init::pid1
