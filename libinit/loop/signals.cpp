#include "libinit/loop/signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "libinit/loop/event_loop.h"

namespace init::loop {
namespace {

// Of all guards of this process. Two for one signal would take it from each other, and their ends would undo
// each other.
std::atomic<std::uint64_t> g_held{0};

// Blocking a fault ends the process; KILL and STOP cannot be blocked.
constexpr SignalSet kCannotWait{SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL};

Failure refused(int error, std::uint64_t signals) {
  std::string names;
  for (int signal = 1; signal <= SignalSet::kLast; ++signal) {
    if ((signals >> (signal - 1) & 1U) != 0)
      names += (names.empty() ? "" : ", ") + process::signal_name(signal);
  }
  return failure(error, "guard signals", names);
}

// libc keeps two signals to itself and refuses them with EINVAL.
Result<sigset_t> native(std::uint64_t signals) {
  sigset_t set;
  ::sigemptyset(&set);
  for (int signal = 1; signal <= SignalSet::kLast; ++signal) {
    const std::uint64_t bit = std::uint64_t{1} << (signal - 1);
    if ((signals & bit) != 0 && ::sigaddset(&set, signal) != 0) return refused(EINVAL, bit);
  }
  return set;
}

std::uint64_t bits_of(const sigset_t& set) {
  SignalSet bits;
  for (int signal = 1; signal <= SignalSet::kLast; ++signal) {
    if (::sigismember(&set, signal) == 1) bits.add(signal);
  }
  return bits.bits();
}

// The old action, where children would vanish by it.
std::optional<struct sigaction> stop_ignoring_children() {
  struct sigaction before {};
  ::sigaction(SIGCHLD, nullptr, &before);
  if (before.sa_handler != SIG_IGN && (before.sa_flags & SA_NOCLDWAIT) == 0) return std::nullopt;
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  ::sigaction(SIGCHLD, &action, nullptr);
  return before;
}

}  // namespace

Result<SignalGuard> SignalGuard::create(SignalSet signals) {
  const std::uint64_t wanted = signals.bits();
  if (!signals.is_valid() || wanted == 0) return failure(EINVAL, "guard signals");
  if ((wanted & kCannotWait.bits()) != 0) return refused(EINVAL, wanted & kCannotWait.bits());
  const auto set = native(wanted);
  if (!set) return Failure(set.error());
  std::uint64_t held = g_held;
  do {
    if ((held & wanted) != 0) return refused(EBUSY, held & wanted);
  } while (!g_held.compare_exchange_weak(held, held | wanted));
  SignalGuard guard;
  guard.held_ = wanted;
  // Before they are blocked: a pending signal is thrown away when its disposition comes to mean "ignore".
  if (signals.contains(SIGCHLD)) guard.child_action_ = stop_ignoring_children();
  sigset_t before;
  ::pthread_sigmask(SIG_BLOCK, &*set, &before);
  guard.blocked_ = wanted & ~bits_of(before);
  guard.fd_.reset(::signalfd(-1, &*set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!guard.fd_) return refused(errno, wanted);
  return guard;
}

SignalGuard::SignalGuard(SignalGuard&& other) noexcept
    : held_(std::exchange(other.held_, 0)),
      blocked_(other.blocked_),
      child_action_(other.child_action_),
      fd_(std::move(other.fd_)) {}

SignalGuard::~SignalGuard() {
  if (held_ == 0) return;
  if (child_action_) ::sigaction(SIGCHLD, &*child_action_, nullptr);
  g_held &= ~held_;
  if (const auto set = native(blocked_)) ::pthread_sigmask(SIG_UNBLOCK, &*set, nullptr);
}

Result<std::optional<Signal>> SignalGuard::try_next() {
  signalfd_siginfo info{};
  ssize_t size = 0;
  do size = ::read(fd_.get(), &info, sizeof info);
  while (size < 0 && errno == EINTR);
  if (size < 0 && errno == EAGAIN) return std::optional<Signal>();
  if (size < 0) return failure(errno, "read a signal");
  return std::optional(
      Signal{static_cast<int>(info.ssi_signo), static_cast<pid_t>(info.ssi_pid), info.ssi_uid, info.ssi_int});
}

Task<Signal> SignalGuard::next() {
  EventLoop& loop = co_await EventLoop::current();
  for (;;) {
    const Result<std::optional<Signal>> signal = try_next();
    if (!signal) co_return Failure(signal.error());
    if (*signal) co_return **signal;
    co_await co_await loop.readable(fd_.get(), {MonotonicTime::never(), Priority::Signals});
  }
}

}  // namespace init::loop
