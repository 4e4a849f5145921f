// A fault of initd at a moment of chance, and how long it takes until it works again.
//
//   strike PID SIGNAL                     at once, wherever it is
//   strike PID SIGNAL STEPS               after so many single steps
//   strike PID SIGNAL STEPS FUNCTION      after so many from the next time that it comes by this address,
//                                         which is waited for from the line "armed" on; exit 3, and nothing
//                                         is struck, when it does not come by in two seconds
//
// The signal is sent; with SIGNAL 0 and STEPS it jumps to where nothing is, and the kernel says so.
// Prints "ADDRESS MICROSECONDS": where it was (0 = at once), and the time from the fault until the turn of
// its loop in which a signal that was sent meanwhile stands in the facts. Three faults within a minute are
// the end of initd, so the count of them is wound back first, in its own memory. Exit 1: it does not work
// again.
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <optional>
#include <string_view>

#include "daemon/pid1/facts.h"

namespace {

using init::pid1::FactsHeader;

constexpr std::int64_t kPatience = 60'000'000;  // microseconds
constexpr std::int64_t kComesBy = 2'000'000;
constexpr int kDidNotComeBy = 3;
constexpr int kHarmless = SIGURG;  // initd counts it, and nobody heeds it

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "strike: %s (%s)\n", what, std::strerror(errno));
  std::exit(1);
}

std::int64_t now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1'000'000 + time.tv_nsec / 1000;
}

// ---- The facts, as initd itself has them

int open_facts(pid_t pid) {
  std::array<char, 64> path{};
  std::snprintf(path.data(), path.size(), "/proc/%d/fd", pid);
  DIR* directory = opendir(path.data());
  if (directory == nullptr) fail("no such process");
  while (const dirent* entry = readdir(directory)) {
    std::array<char, 64> target{};
    if (readlinkat(dirfd(directory), entry->d_name, target.data(), target.size() - 1) < 0) continue;
    if (std::string_view(target.data()).starts_with("/memfd:initd-facts"))
      return openat(dirfd(directory), entry->d_name, O_RDWR | O_CLOEXEC);
  }
  fail("it has no facts");
}

std::byte* map_facts(pid_t pid) {
  constexpr std::size_t size = init::channel::kFactsBytes + sizeof(init::pid1::Private);
  void* base = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, open_facts(pid), 0);
  if (base == MAP_FAILED) fail("the facts cannot be mapped");
  return static_cast<std::byte*>(base);
}

// ---- Single steps

// The signal of its next stop; nothing when it does not come until then.
std::optional<int> await_stop(pid_t pid, std::int64_t end) {
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child, nullptr);
  for (int status = 0;;) {
    const pid_t got = waitpid(pid, &status, __WALL | WNOHANG);
    if (got == pid && WIFSTOPPED(status)) return WSTOPSIG(status);
    if (got != 0) fail("it has ended");
    const std::int64_t left = end - now();
    if (left <= 0) return std::nullopt;
    const timespec time{left / 1'000'000, left % 1'000'000 * 1000};
    sigtimedwait(&child, nullptr, &time);
  }
}

void interrupt(pid_t pid) {
  ptrace(PTRACE_INTERRUPT, pid, nullptr, nullptr);
  if (!await_stop(pid, now() + kPatience)) fail("it does not stop");
}

void hold(pid_t pid) {
  if (ptrace(PTRACE_SEIZE, pid, nullptr, nullptr) != 0) fail("cannot be traced");
  interrupt(pid);
}

std::uintptr_t place_of(pid_t pid) {
  user_regs_struct registers{};
  ptrace(PTRACE_GETREGS, pid, nullptr, &registers);
  return registers.rip;
}

bool poke_debug(pid_t pid, std::size_t number, std::uintptr_t value) {
  const std::size_t at = offsetof(user, u_debugreg) + number * sizeof(user::u_debugreg[0]);
  return ptrace(PTRACE_POKEUSER, pid, at, value) == 0;
}

// What is no stop of ours is passed on, if it is a signal.
int signal_to_pass(int stopped) {
  return stopped == SIGTRAP || stopped == SIGSTOP ? 0 : stopped;
}

// By a breakpoint of the processor: children do not inherit it, as they would one in the text. Whether it has
// come by; it stands still then, and the breakpoint is gone.
bool run_until(pid_t pid, std::uintptr_t address) {
  if (!poke_debug(pid, 0, address) || !poke_debug(pid, 7, 1)) fail("no breakpoint");
  std::puts("armed");
  std::fflush(stdout);
  const std::int64_t end = now() + kComesBy;
  std::optional<int> stopped = SIGTRAP;
  while (stopped && place_of(pid) != address) {
    ptrace(PTRACE_CONT, pid, nullptr, signal_to_pass(*stopped));
    stopped = await_stop(pid, end);
  }
  if (!stopped) interrupt(pid);
  poke_debug(pid, 7, 0);
  return place_of(pid) == address;
}

// The last stop is one at which a signal can be given along.
std::uintptr_t step(pid_t pid, int steps) {
  int pass_on = 0;
  for (int done = 0; done < steps;) {
    ptrace(PTRACE_SINGLESTEP, pid, nullptr, pass_on);
    const std::optional<int> stopped = await_stop(pid, now() + kPatience);
    if (!stopped) fail("it does not step");
    pass_on = signal_to_pass(*stopped);
    if (pass_on == 0) ++done;
  }
  return place_of(pid);
}

void go_astray(pid_t pid) {
  constexpr std::uintptr_t kNowhere = 8;
  ptrace(PTRACE_POKEUSER, pid, offsetof(user, regs) + offsetof(user_regs_struct, rip), kNowhere);
}

int let_go(pid_t pid) {
  ptrace(PTRACE_DETACH, pid, nullptr, nullptr);
  std::fprintf(stderr, "strike: it did not come by\n");
  return kDidNotComeBy;
}

// ---- The fault

template <class Condition>
void await(pid_t pid, const char* what, Condition condition) {
  for (const std::int64_t end = now() + kPatience; !condition(); sched_yield()) {
    if (now() > end || kill(pid, 0) != 0) fail(what);
  }
}

// Another process writes it.
std::uint32_t look(const std::uint32_t& value) {
  return *const_cast<const volatile std::uint32_t*>(&value);
}

void await_resumed(pid_t pid, const FactsHeader& facts, std::uint32_t executions) {
  await(pid, "it does not execute itself anew", [&] { return look(facts.executions) != executions; });
  const std::uint32_t& heard = facts.signals[kHarmless].count;
  const std::uint32_t before = look(heard);
  await(pid, "its loop does not turn", [&] {
    kill(pid, kHarmless);
    return look(heard) != before;
  });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const pid_t pid = std::atoi(argv[1]);
  const int signal = std::atoi(argv[2]);
  std::byte* base = map_facts(pid);
  reinterpret_cast<init::pid1::Private*>(base + init::channel::kFactsBytes)->faults = 0;
  const auto& facts = *reinterpret_cast<FactsHeader*>(base);
  const std::uint32_t executions = facts.executions;
  std::uintptr_t where = 0;
  if (argc > 3) {
    hold(pid);
    if (argc > 4 && !run_until(pid, std::strtoul(argv[4], nullptr, 0))) return let_go(pid);
    where = step(pid, std::atoi(argv[3]));
    if (signal == 0) go_astray(pid);
  }
  std::printf("%#lx ", where);
  std::fflush(stdout);
  const std::int64_t since = now();
  if (argc > 3 ? ptrace(PTRACE_DETACH, pid, nullptr, signal) : kill(pid, signal)) fail("cannot be struck");
  await_resumed(pid, facts, executions);
  std::printf("%lld\n", static_cast<long long>(now() - since));
}
