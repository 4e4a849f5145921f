#include "daemon/one_command/runner.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <utility>

#include "daemon/one_command/memory.h"
#include "libinit/process/everyone.h"
#include "libinit/sys/calls.h"

namespace init::one_command {
namespace {

constexpr Duration kShortLife = std::chrono::milliseconds(500);
constexpr Duration kShortPause = std::chrono::milliseconds(2);
constexpr Duration kLongPause = std::chrono::milliseconds(15);  // a look that was interrupted seems long
constexpr Duration kLongLook = std::chrono::microseconds(100);
constexpr int kStorm = 32;  // ends in one sweep
constexpr Duration kBetweenKills = std::chrono::milliseconds(100);
constexpr int kMostKills = 100;  // a process in uninterruptible sleep may outlive them
constexpr int kSignaled = 128;

// Closes whatever came from the outside: the command has it, and who waits for the end of a pipe waits for
// initd too.
void close_inherited(std::array<int, 3> own) noexcept {
  std::sort(own.begin(), own.end());
  int first = 3;
  for (const int fd : own) {
    if (fd > first) sys::close_range(static_cast<unsigned>(first), static_cast<unsigned>(fd) - 1, 0);
    first = std::max(first, fd + 1);
  }
  sys::close_range(static_cast<unsigned>(first), ~0U, 0);
}

bool asks_to_end(int signal) noexcept {
  return signal == SIGTERM || signal == SIGINT || signal == SIGQUIT;
}

timespec time_until(MonotonicTime time) noexcept {
  const Duration left = std::max(time - monotonic_now(), Duration(0));
  return {.tv_sec = left / std::chrono::seconds(1), .tv_nsec = (left % std::chrono::seconds(1)).count()};
}

bool is_pending(int signal) noexcept {
  sys::SignalSet pending = 0;
  sys::rt_sigpending(&pending);
  return (pending & sys::signal_bit(signal)) != 0;
}

}  // namespace

Runner::Runner(const Options& options, Terminal& terminal) noexcept
    : options_(options), terminal_(terminal), is_pid1_(getpid() == 1) {}

int Runner::open() noexcept {
  sigset_t set;
  std::memset(&set, 0xff, sizeof set);  // sigfillset(3) leaves out 32 and 33
  sigdelset(&set, SIGCHLD);
  signals_.reset(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  children_.reset(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  return children_ && signals_ ? 0 : errno;
}

void Runner::run(Command command) noexcept {
  command_ = command.pid;
  end_ = std::move(command.end);
  settle();
  for (;;) {
    wait();
    leave_if_done();
  }
}

// What only the start needed is given back: descriptors and the directory at once, memory when it turns out
// to matter.
void Runner::settle() noexcept {
  close_inherited({signals_.get(), children_.get(), end_.get()});
  sys::chdir("/");  // holds no mount
  if (options_.verbose && command_ != 0)
    dprintf(STDERR_FILENO, "initd: the command is process %d\n", command_);
  release_due_ = monotonic_now() + kShortLife;
}

void Runner::wait() noexcept {
  std::array<pollfd, 3> fds{
      {{signals_.get(), POLLIN, 0}, {end_.get(), POLLIN, 0}, {children_.get(), POLLIN, 0}}};
  const bool storm = sweep_due_ != MonotonicTime::never();
  const MonotonicTime next = next_time();
  const bool timed = next != MonotonicTime::never();
  const timespec left = timed ? time_until(next) : timespec{};
  if (sys::ppoll(fds.data(), storm ? 2 : 3, timed ? &left : nullptr) < 0) return;
  if (fds[0].revents != 0) read_signals();
  if (fds[1].revents != 0) look_at_command();
  if (fds[2].revents != 0) sweep();
  if (timed) act_on_time();
}

MonotonicTime Runner::next_time() const noexcept {
  return std::min({deadline_, term_due_, sweep_due_, release_due_});
}

void Runner::act_on_time() noexcept {
  const MonotonicTime now = monotonic_now();
  if (now >= sweep_due_) sweep();
  if (now >= term_due_) pass(SIGTERM);
  if (now >= release_due_) {
    release_unused_memory();
    release_due_ = MonotonicTime::never();
  }
  if (now < deadline_) return;
  enter(stage_ == Stage::Asked ? Stage::Terminating : Stage::Killing);
}

// ---- Signals

void Runner::read_signals() noexcept {
  std::array<signalfd_siginfo, 8> batch;
  const ssize_t got = read(signals_.get(), batch.data(), sizeof batch);
  for (std::size_t i = 0; got > 0 && i < static_cast<std::size_t>(got) / sizeof batch[0]; ++i) {
    take(static_cast<int>(batch[i].ssi_signo));
  }
}

void Runner::take(int signal) noexcept {
  if (command_ == 0) {
    ended_ = ended_ || asks_to_end(signal);
    return;
  }
  if (signal == SIGCONT) {
    terminal_.look();
    terminal_.give_to(command_);
    if (stopped_) return resume();
  }
  if (signal != SIGTERM || held_back_ || options_.grace == Duration(0)) return pass(signal);
  held_back_ = true;
  term_due_ = monotonic_now() + options_.grace;
}

// A command that has ended meanwhile is no error: nobody is there to be told.
void Runner::pass(int signal) noexcept {
  if (signal == SIGTERM) term_due_ = MonotonicTime::never();
  int as = options_.passed_as[static_cast<std::size_t>(signal)];
  const bool stops = signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
  // In a session of its own nobody could continue the command, so there the kernel ignores these.
  if (options_.session && stops && as == signal) as = SIGSTOP;
  if (options_.verbose) dprintf(STDERR_FILENO, "initd: signal %d is passed on as %d\n", signal, as);
  if (as == 0 || ended_) return;
  kill(options_.group ? -command_ : command_, as);
  if (asks_to_end(signal) && options_.kill_after > Duration(0) && stage_ == Stage::Running)
    enter(Stage::Asked);
}

// Whoever stopped with the command goes on with it: Ctrl-Z stops its whole group.
void Runner::resume() noexcept {
  stopped_ = false;
  kill(-command_, SIGCONT);
}

// Whoever started initd in a terminal must see that the job has stopped, to be able to continue it.
void Runner::follow_stop() noexcept {
  siginfo_t stop{};
  if (waitid(P_PID, static_cast<id_t>(command_), &stop, WSTOPPED | WNOHANG) != 0 || stop.si_pid == 0) return;
  stopped_ = true;
  if (!is_pid1_) stop_like_command(stop.si_status);
  // Neither PID 1 nor an orphaned group can be stopped from a terminal, as nobody could continue it.
  if (stop.si_status == SIGTSTP && !is_pending(SIGCONT)) resume();
}

// With all that share the terminal with initd, as a script that waits for it.
void Runner::stop_like_command(int signal) noexcept {
  const sys::SignalSet bit = sys::signal_bit(signal);
  sys::rt_sigprocmask(SIG_UNBLOCK, &bit, nullptr);
  kill(terminal_.in_foreground() ? 0 : getpid(), signal);
  sys::rt_sigprocmask(SIG_BLOCK, &bit, nullptr);
}

// ---- Ends

void Runner::look_at_command() noexcept {
  siginfo_t end{};
  if (waitid(P_PID, static_cast<id_t>(command_), &end, WEXITED | WNOHANG) == 0 && end.si_pid != 0)
    note_end(end);
}

void Runner::sweep() noexcept {
  signalfd_siginfo news;
  sys::read(children_.get(), &news, sizeof news);
  if (!ended_ && command_ != 0) follow_stop();
  sweep_due_ = MonotonicTime::never();
  int found = 0;
  MonotonicTime last;
  for (;; ++found) {
    siginfo_t end{};
    last = monotonic_now();
    alone_ = waitid(P_ALL, 0, &end, WEXITED | WNOHANG | __WALL) != 0;  // ECHILD
    if (alone_ || end.si_pid == 0) break;
    note_end(end);
  }
  // The last look went through all living children. It may take a twentieth of the time, should there be
  // thousands.
  const MonotonicTime now = monotonic_now();
  const Duration in_vain = now - last;
  if (end_ && (found >= kStorm || in_vain > kLongLook))
    sweep_due_ = now + std::clamp(20 * in_vain, kShortPause, kLongPause);
}

void Runner::note_end(const siginfo_t& end) noexcept {
  const int code = end.si_code == CLD_EXITED ? end.si_status : kSignaled + end.si_status;
  if (options_.verbose) dprintf(STDERR_FILENO, "initd: process %d ended with %d\n", end.si_pid, code);
  if (end.si_pid != command_) return;
  code_ = options_.ends_as[static_cast<std::size_t>(code & 0xff)];
  ended_ = true;
  end_.reset();
}

void Runner::enter(Stage stage) noexcept {
  const Duration limit = options_.kill_after > Duration(0) ? options_.kill_after : options_.wait_limit;
  stage_ = stage;
  deadline_ = monotonic_now() + (stage == Stage::Killing ? kBetweenKills : limit);
  if (stage == Stage::Terminating) {
    process::signal_everyone(SIGTERM);
    process::signal_everyone(SIGCONT);
  } else if (stage == Stage::Killing) {
    process::signal_everyone(SIGKILL);
    ++kills_;
  }
}

void Runner::leave_if_done() noexcept {
  if (!ended_) return;
  if (options_.wait_all) {
    sweep();
    if (!alone_ && stage_ < Stage::Terminating) enter(Stage::Terminating);
    if (!alone_ && kills_ < kMostKills) return;
  }
  terminal_.take_back();
  _exit(code_);
}

}  // namespace init::one_command
