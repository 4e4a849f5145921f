// Calls of a running process that fail, as long as they are told to.
//   deny PID CLASS
// From when it says "denied" until SIGTERM each call of the class ("descriptors", "memory", "processes")
// fails as it does where there are no more of these. Then it prints how many have failed. The process goes on
// alone; its end is the end of this program, too.
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string_view>

namespace {

// Not accept4(2): whoever may connect is another fault's subject.
constexpr std::array<long, 12> kDescriptors{SYS_open,     SYS_openat,     SYS_openat2,   SYS_socket,
                                            SYS_pipe2,    SYS_socketpair, SYS_dup,       SYS_memfd_create,
                                            SYS_eventfd2, SYS_pidfd_open, SYS_signalfd4, SYS_epoll_create1};
constexpr std::array<long, 5> kMemory{SYS_brk, SYS_mmap, SYS_mremap, SYS_memfd_create, SYS_ftruncate};
constexpr std::array<long, 4> kProcesses{SYS_clone, SYS_clone3, SYS_fork, SYS_vfork};

struct Class {
  std::string_view name;
  std::span<const long> calls;
  int error;
};
constexpr std::array kClasses{Class{"descriptors", kDescriptors, EMFILE}, Class{"memory", kMemory, ENOMEM},
                              Class{"processes", kProcesses, EAGAIN}};

volatile sig_atomic_t over = 0;
pid_t traced = 0;

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "deny: %s (%s)\n", what, std::strerror(errno));
  std::exit(1);
}

// The process stops for it, wherever it is.
void end_soon(int) {
  over = 1;
  ptrace(PTRACE_INTERRUPT, traced, nullptr, nullptr);
}

class Denial {
 public:
  explicit Denial(const Class& denied) : denied_(denied) {}

  // At the beginning of a call, and at its end.
  void at_call() {
    __ptrace_syscall_info info{};
    ptrace(PTRACE_GET_SYSCALL_INFO, traced, sizeof(info), &info);
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY && is_denied(info.entry.nr)) {
      set(offsetof(user_regs_struct, orig_rax), -1);  // no call at all
      failing_ = true;
    } else if (info.op == PTRACE_SYSCALL_INFO_EXIT && failing_) {
      set(offsetof(user_regs_struct, rax), -denied_.error);
      failing_ = false;
      ++count_;
    }
  }
  // Not between a call that was taken away and its answer.
  [[nodiscard]] bool may_end() const { return !failing_; }
  [[nodiscard]] int count() const { return count_; }

 private:
  [[nodiscard]] bool is_denied(std::uint64_t call) const {
    const auto is = [call](long one) { return static_cast<std::uint64_t>(one) == call; };
    return std::any_of(denied_.calls.begin(), denied_.calls.end(), is);
  }
  static void set(std::size_t offset, long value) {
    ptrace(PTRACE_POKEUSER, traced, offsetof(user, regs) + offset, value);
  }

  const Class& denied_;
  bool failing_ = false;
  int count_ = 0;
};

void deny(const Class& denied) {
  if (ptrace(PTRACE_SEIZE, traced, nullptr, PTRACE_O_TRACESYSGOOD) != 0) fail("cannot be traced");
  ptrace(PTRACE_INTERRUPT, traced, nullptr, nullptr);
  std::puts("denied");
  std::fflush(stdout);
  Denial denial(denied);
  for (int status = 0;;) {
    if (waitpid(traced, &status, __WALL) < 0) {
      if (errno != EINTR) fail("waitpid");
      continue;
    }
    if (!WIFSTOPPED(status)) break;
    const bool call = WSTOPSIG(status) == (SIGTRAP | 0x80);
    const bool other = status >> 16 == PTRACE_EVENT_STOP;
    if (call) denial.at_call();
    const bool last = over != 0 && denial.may_end();
    ptrace(last ? PTRACE_DETACH : PTRACE_SYSCALL, traced, nullptr, call || other ? 0 : WSTOPSIG(status));
    if (last) break;
  }
  std::printf("%d\n", denial.count());
}

}  // namespace

int main(int argc, char** argv) {
  const auto* denied = std::find_if(kClasses.begin(), kClasses.end(),
                                    [&](const Class& one) { return argc == 3 && one.name == argv[2]; });
  if (denied == kClasses.end()) return 2;
  traced = std::atoi(argv[1]);
  struct sigaction action {};
  action.sa_handler = end_soon;
  sigaction(SIGTERM, &action, nullptr);
  deny(*denied);
}
