#include "daemon/pid1/finish.h"

#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "daemon/pid1/log.h"
#include "daemon/pid1/memory.h"
#include "libinit/process/everyone.h"
#include "libinit/sys/calls.h"

namespace init::pid1 {
namespace {

using channel::FinishKind;

constexpr Duration kAfterKill =
    std::chrono::seconds(10);  // a process in uninterruptible sleep may outlive KILL
constexpr Duration kUnmountLimit = std::chrono::seconds(20);

// A process of its own may block. What can be is saved even if that program cannot be executed any more.
[[noreturn]] void unmount_everything(int manager_program) noexcept {
  static char name[] = "initd-manager";
  static char option[] = "--unmount";
  char* const words[] = {name, option, nullptr};
  sync();
  sys::fexecve(manager_program, words, environ);
  _exit(127);
}

}  // namespace

void Finish::begin(const channel::FinishBody& request) noexcept {
  if (begun()) return;
  request_ = request;
  enter(Phase::Terminating, std::chrono::milliseconds(request.grace_ms));
  // What nobody finds here gets its KILL when it has become initd's own child.
  for (const int signal : {SIGTERM, SIGCONT}) {
    if (!process::signal_everyone(signal)) children_.signal_all(signal);
  }
  step();
}

// As PID 1 all there is; otherwise all children, whose orphans become children in turn.
void Finish::signal_everything(int signal) noexcept {
  if (is_pid1()) {
    kill(-1, signal);
  } else {
    children_.signal_all(signal);
  }
}

void Finish::enter(Phase phase, Duration limit) noexcept {
  phase_ = phase;
  deadline_ = monotonic_now() + limit;
}

void Finish::step() noexcept {
  End end;
  if (phase_ == Phase::Unmounting) {
    if (peek(P_PID, helper_, end) != Peek::Alive || monotonic_now() >= deadline_) power();
    return;
  }
  Peek left = peek(P_ALL, 0, end);
  if (left == Peek::Ended) {
    children_.sweep(true);
    left = peek(P_ALL, 0, end);
  }
  if (left == Peek::NotOurs) {
    leave();
  } else if (phase_ == Phase::Terminating && monotonic_now() >= deadline_) {
    enter(Phase::Killing, kAfterKill);
    signal_everything(SIGKILL);
  } else if (phase_ == Phase::Killing) {
    // What has forked between two looks, or has just become a child, gets it now.
    signal_everything(SIGKILL);
    if (monotonic_now() >= deadline_) leave();
  }
}

void Finish::leave() noexcept {
  if (facts_.header().environment != channel::Environment::Machine) _exit(request_.exit_code);
  const int program = facts_.resume().program;  // the child does not have the facts
  helper_ = fork_whole();
  if (helper_ == 0) unmount_everything(program);
  if (helper_ < 0) power();
  enter(Phase::Unmounting, kUnmountLimit);
}

void Finish::power() noexcept {
  if (request_.kind == FinishKind::Reboot) reboot(RB_AUTOBOOT);
  if (request_.kind == FinishKind::Halt) reboot(RB_HALT_SYSTEM);
  reboot(RB_POWER_OFF);
  for (;;) pause();  // a machine that cannot be turned off has halted; PID 1 must not end
}

}  // namespace init::pid1
