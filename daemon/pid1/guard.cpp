#include "daemon/pid1/guard.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>

#include "daemon/pid1/log.h"
#include "daemon/pid1/memory.h"
#include "libinit/sys/calls.h"

namespace init::pid1 {
namespace {

constexpr Duration kMinute = std::chrono::seconds(60);
constexpr Duration kFirstDelay = std::chrono::seconds(1);
constexpr Duration kKilledSpacing = std::chrono::milliseconds(100);
constexpr std::uint32_t kFirstToWait = channel::kDeathsToSafeMode;
constexpr Duration kToAbort = std::chrono::seconds(2);

}  // namespace

void Guard::arm(char** argv, Duration patience) noexcept {
  argv_ = argv;
  patience_ = patience;
}

void Guard::resume() noexcept {
  const Resume& before = facts_.resume();
  if (before.manager_pid == 0) return;
  if (before.socket >= 0) channel_.adopt(before.socket, before.doorbell);
  pid_ = before.manager_pid;
  started_ = monotonic_now();
  missing_since_ = MonotonicTime::never();
  children_.reserve(pid_);
}

// For the next self. Before this a fault leaves the manager without a channel, and it ends; after it the
// manager has been told all that it waits for.
void Guard::record() noexcept {
  Resume& next = facts_.edit_resume();
  next.socket = channel_.socket();
  next.doorbell = channel_.doorbell();
  next.manager_pid = pid_;
}

// A number that the next self took for a channel could be another descriptor by then: it must not stand there
// when the descriptors go.
void Guard::close_channel() noexcept {
  Resume& next = facts_.edit_resume();
  next.socket = next.doorbell = -1;
  channel_.close_pair();
}

void Guard::hang_up() noexcept {
  kill_manager();
  close_channel();
}

void Guard::act() noexcept {
  if (pid_ == 0) {
    start();
  } else {
    look();
  }
}

void Guard::ring() noexcept {
  const bool all_read = !channel_.is_unread();
  channel_.ring();
  if (pid_ == 0 || retired_ || at_fault_) return;
  if (all_read || due_ == MonotonicTime::never()) due_ = monotonic_now() + patience_;
}

void Guard::look() noexcept {
  due_ = MonotonicTime::never();
  if (!channel_.is_unread()) return;
  if (at_fault_) return kill_manager();
  log_line("the manager does not answer");
  at_fault_ = true;
  kill(pid_, SIGABRT);
  due_ = monotonic_now() + kToAbort;
}

void Guard::start() noexcept {
  due_ = MonotonicTime::never();
  started_ = monotonic_now();
  at_fault_ = false;
  const std::uint64_t epoch = ++facts_.edit().epoch;
  const int theirs = channel_.open_pair();
  pid_ = theirs < 0 ? -1 : fork_manager(theirs);
  if (theirs >= 0) close(theirs);
  if (pid_ < 0) {
    log_line(Line("cannot start the manager: errno ").number(errno).text(", next try in 1 s"));
    pid_ = 0;
    channel_.close_pair();
    due_ = started_ + kFirstDelay;
    return;
  }
  children_.reserve(pid_);
  channel_.send_resumed(epoch);
  record();
}

std::int32_t Guard::fork_manager(int socket) noexcept {
  const Resume open = facts_.resume();  // the child does not have the facts
  const std::int32_t pid = fork_whole();
  if (pid == 0) become_manager(socket, open);
  return pid;
}

// The sources lie at kLowFds or above, at least behind the first few of start(), so no dup2 overwrites one.
// Handlers go with the exec.
void Guard::become_manager(int socket, const Resume& open) noexcept {
  setsid();  // Ctrl-C is for initd; the manager hears of it through the facts
  dup2(socket, channel::kChannelFd);
  dup2(open.facts_for_reading, channel::kFactsFd);
  dup2(channel_.doorbell(), channel::kDoorbellFd);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  static char name[] = "initd-manager";
  argv_[0] = name;
  const long refused = sys::fexecve(open.program, argv_, environ);
  log_line(Line("cannot execute the manager: errno ").number(sys::error_of(refused)));
  _exit(127);
}

bool Guard::has_ended() noexcept {
  End end;
  if (pid_ == 0 || peek(P_PID, pid_, end) != Peek::Ended) return false;
  FactsHeader& header = facts_.edit();
  header.manager_last_exit_kind = static_cast<std::int32_t>(end.kind);
  header.manager_last_exit_value = end.value;
  ++header.manager_restarts;
  return true;
}

void Guard::settle() noexcept {
  const std::int32_t ended = std::exchange(pid_, 0);
  close_channel();
  record();
  reap(ended);
  children_.reserve(0);
  due_ = MonotonicTime::never();
  const MonotonicTime now = monotonic_now();
  missing_since_ = std::min(missing_since_, now);
  if (retired_) return;
  const bool exited = facts_.header().manager_last_exit_kind == 1;
  const int value = facts_.header().manager_last_exit_value;
  const Duration delay = next_delay(now - started_, !exited && value == SIGKILL && !at_fault_);
  due_ = now + delay;
  log_line(Line("the manager has ended (")
               .text(exited ? "exit " : "signal ")
               .number(value)
               .text("), the next one starts in ")
               .number(std::chrono::duration_cast<std::chrono::milliseconds>(delay).count())
               .text(" ms"));
}

Duration Guard::next_delay(Duration lived, bool killed) noexcept {
  std::uint32_t& deaths = facts_.edit().manager_deaths;
  if (lived >= kMinute) deaths = 0;
  if (killed) return lived < kKilledSpacing ? kKilledSpacing : Duration::zero();
  if (++deaths < kFirstToWait) return Duration::zero();
  if (deaths >= channel::kDeathsToAlone) return kMinute;
  return kFirstDelay;
}

void Guard::kill_manager() noexcept {
  if (pid_ > 0) kill(pid_, SIGKILL);
}

}  // namespace init::pid1
