// What children say and how they end. A service's end shows on its pidfd; an orphan's in a sweep over the
// list of children that the kernel keeps. Always: look, write the fact, then reap; so a fault in between
// repeats the fact, never loses it.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "daemon/pid1/children.h"
#include "libinit/process/exit_status.h"
#include "libinit/sys/calls.h"

namespace init::pid1 {
namespace {

using process::ExitStatus;

constexpr Duration kSweepDistance = std::chrono::milliseconds(10);
// A child that is looked at costs a microsecond at most, so sweeps in vain take a twentieth of the time. Not
// by the clock: where PID 1 was kept waiting for the processor, orphans would then wait twenty times as long.
constexpr Duration kDistancePerChild = std::chrono::microseconds(20);

std::array<char, 65536> list_text;

std::uint64_t microseconds(timeval time) noexcept {
  return static_cast<std::uint64_t>(time.tv_sec) * 1000000U + static_cast<std::uint64_t>(time.tv_usec);
}

ExitStatus::Kind kind_of(int si_code) noexcept {
  if (si_code == CLD_EXITED) return ExitStatus::Kind::Exited;
  return si_code == CLD_DUMPED ? ExitStatus::Kind::Dumped : ExitStatus::Kind::Signaled;
}

}  // namespace

Peek peek(idtype_t type, std::int32_t pid, End& end) noexcept {
  siginfo_t info{};
  constexpr int options = WEXITED | WNOHANG | WNOWAIT | __WALL;
  if (sys::waitid(type, pid, &info, options, &end.usage) != 0) return Peek::NotOurs;
  if (info.si_pid == 0) return Peek::Alive;
  end.pid = info.si_pid;
  end.uid = info.si_uid;
  end.kind = static_cast<std::uint32_t>(kind_of(info.si_code));
  end.value = info.si_status;
  return Peek::Ended;
}

void reap(std::int32_t pid) noexcept {
  sys::waitid(P_PID, pid, nullptr, WEXITED | WNOHANG | __WALL, nullptr);
}

void Children::read_reports(std::uint32_t index) noexcept {
  Child& self = child(index);
  while (self.report >= 0) {
    const ssize_t got = read(self.report, &self.said, sizeof(self.said));  // one: each is written at once
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return;
    if (got == 0) return close_report(index);
    // The end of the pipe comes with the exec, once PID 1 has let go of it as well.
    if (self.said.error == 0) close_low_fds(index);
  }
}

// The other end is gone: by exec, or because the child has ended. The fact first: what follows is lost in a
// fault as well.
void Children::close_report(std::uint32_t index) noexcept {
  Child& self = child(index);
  if (self.executed()) facts_.commit(index, [](Slot& slot) { slot.state = SlotState::Running; });
  loop_.remove(self.report);
  close(self.report);
  self.report = -1;
  free_area(index);
  close_low_fds(index);
}

void Children::drop_pidfd(std::uint32_t index) noexcept {
  Child& self = child(index);
  if (self.pidfd < 0) {
    --without_pidfd_;
    return;
  }
  loop_.remove(self.pidfd);
  close(self.pidfd);
  self.pidfd = -1;
}

void Children::exit_ready(std::uint32_t index) noexcept {
  const std::int32_t pid = facts_.slot(index).pid;
  if (child(index).pidfd < 0 || !lives(index) || collect(pid)) return;
  // Only watched, and another process' child: that it ended is all there is to know.
  End end;
  if (peek(P_PID, pid, end) == Peek::NotOurs) commit_end(index, end, channel::kSlotUncertain);
}

// True when pid had ended and is gone now.
bool Children::collect(std::int32_t pid) noexcept {
  End end;
  if (peek(P_PID, pid, end) != Peek::Ended) return false;
  const std::uint32_t index = slot_of(pid);
  if (index != kNoSlot) {
    commit_end(index, end, 0);
  } else {
    facts_.add_orphan({.pid = end.pid, .uid = end.uid, .exit_kind = end.kind, .exit_value = end.value});
  }
  reap(pid);
  return true;
}

void Children::commit_end(std::uint32_t index, const End& end, std::uint32_t flags) noexcept {
  read_reports(index);
  if (child(index).report >= 0) close_report(index);
  drop_pidfd(index);
  const process::ChildReport& last = child(index).said;
  const bool failed = last.error != 0;
  facts_.commit(index, [&](Slot& slot) {
    slot.state = failed ? SlotState::Failed : SlotState::Exited;
    slot.ended_ns = static_cast<std::uint64_t>(monotonic_now().since_epoch.count());
    slot.exit_kind = end.kind;
    slot.exit_value = end.value;
    slot.failed_step = failed ? last.step : 0;
    slot.failed_errno = last.error;
    slot.failed_detail = last.detail;
    slot.flags |= flags;
    slot.user_us = microseconds(end.usage.ru_utime);
    slot.system_us = microseconds(end.usage.ru_stime);
    slot.peak_kib = static_cast<std::uint64_t>(end.usage.ru_maxrss);
  });
}

void Children::child_signal() noexcept {
  // A slot without a pidfd has nothing but the sweep to show its end.
  sweep_due_ = without_pidfd_ != 0 ? MonotonicTime{} : std::min(sweep_due_, next_sweep_);
}

void Children::sweep(bool all) noexcept {
  sweep_due_ = MonotonicTime::never();
  bool found = false;
  int seen = 0;
  const bool listed = walk_children(list_fd_, list_text, [&](std::int32_t pid) {
    ++seen;
    if (pid == reserved_) return false;
    const std::uint32_t index = all ? kNoSlot : slot_of(pid);
    const bool gone = (index == kNoSlot || child(index).pidfd < 0) && collect(pid);
    found = found || gone;
    return gone;
  });
  if (!listed) sweep_by_wait();
  next_sweep_ =
      monotonic_now() + (found ? kSweepDistance : std::max(kSweepDistance, seen * kDistancePerChild));
}

// Where the kernel has no list. The first child that ended and belongs to someone else would hide the rest:
// but the manager is the only one, and its end is handled before the next sweep.
void Children::sweep_by_wait() noexcept {
  for (End end; peek(P_ALL, 0, end) == Peek::Ended && end.pid != reserved_;) collect(end.pid);
}

void Children::signal_all(int signal) noexcept {
  const auto send = [signal](std::int32_t pid) {
    kill(pid, signal);
    return false;
  };
  if (walk_children(list_fd_, list_text, send)) return;
  for (std::uint32_t i = 0; i < facts_.header().slots_used; ++i) {
    if (lives(i)) send(facts_.slot(i).pid);
  }
}

}  // namespace init::pid1
