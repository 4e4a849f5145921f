// Calls of a running process that fail.
//   deny PID ERRNO FIRST COUNT CALL...
// From the FIRST hit of any of these calls on COUNT hits fail, until SIGTERM. It says "denied" when it begins
// to count, and at its end how many have failed. The process goes on alone; its end is the end of this
// program, too.
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
#include <string_view>
#include <utility>
#include <vector>

namespace {

struct Call {
  std::string_view name;
  long number;
};
#define CALL(name)    \
  Call {              \
#name, SYS_##name \
  }
constexpr std::array kCalls{
    CALL(openat),     CALL(openat2),       CALL(read),       CALL(write),        CALL(pread64),
    CALL(pwrite64),   CALL(fcntl),         CALL(newfstatat), CALL(memfd_create), CALL(ftruncate),
    CALL(fsync),      CALL(mmap),          CALL(brk),        CALL(mremap),       CALL(mkdir),
    CALL(mkdirat),    CALL(rename),        CALL(renameat),   CALL(unlink),       CALL(unlinkat),
    CALL(readlink),   CALL(getdents64),    CALL(ioctl),      CALL(sendfile),     CALL(tee),
    CALL(splice),     CALL(pipe2),         CALL(dup),        CALL(socket),       CALL(socketpair),
    CALL(bind),       CALL(connect),       CALL(getsockopt), CALL(sendto),       CALL(recvfrom),
    CALL(sendmsg),    CALL(recvmsg),       CALL(poll),       CALL(eventfd2),     CALL(signalfd4),
    CALL(pidfd_open), CALL(epoll_create1), CALL(epoll_ctl),  CALL(epoll_wait),   CALL(inotify_add_watch),
    CALL(clone),      CALL(clone3),        CALL(fork),       CALL(vfork)};
#undef CALL

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

struct Denied {
  int error;
  int first, count;
  std::vector<std::uint64_t> calls;
};

class Denial {
 public:
  explicit Denial(Denied denied) : denied_(std::move(denied)) {}

  // At the beginning of a call, and at its end.
  void at_call() {
    __ptrace_syscall_info info{};
    ptrace(PTRACE_GET_SYSCALL_INFO, traced, sizeof(info), &info);
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY && is_meant(info.entry.nr) && ++hits_ >= denied_.first) {
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
  [[nodiscard]] bool spent() const { return count_ == denied_.count; }
  [[nodiscard]] int count() const { return count_; }

 private:
  [[nodiscard]] bool is_meant(std::uint64_t call) const {
    return std::find(denied_.calls.begin(), denied_.calls.end(), call) != denied_.calls.end();
  }
  static void set(std::size_t offset, long value) {
    ptrace(PTRACE_POKEUSER, traced, offsetof(user, regs) + offset, value);
  }

  Denied denied_;
  bool failing_ = false;
  int hits_ = 0;
  int count_ = 0;
};

void deny(Denied denied) {
  if (ptrace(PTRACE_SEIZE, traced, nullptr, PTRACE_O_TRACESYSGOOD) != 0) fail("cannot be traced");
  ptrace(PTRACE_INTERRUPT, traced, nullptr, nullptr);
  std::puts("denied");
  std::fflush(stdout);
  Denial denial(std::move(denied));
  for (int status = 0;;) {
    if (waitpid(traced, &status, __WALL) < 0) {
      if (errno != EINTR) fail("waitpid");
      continue;
    }
    if (!WIFSTOPPED(status)) break;
    const bool call = WSTOPSIG(status) == (SIGTRAP | 0x80);
    const bool other = status >> 16 == PTRACE_EVENT_STOP;
    if (call) denial.at_call();
    const bool last = (over != 0 || denial.spent()) && denial.may_end();
    ptrace(last ? PTRACE_DETACH : PTRACE_SYSCALL, traced, nullptr, call || other ? 0 : WSTOPSIG(status));
    if (last) break;
  }
  std::printf("%d\n", denial.count());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) return 2;
  traced = std::atoi(argv[1]);
  Denied denied{std::atoi(argv[2]), std::atoi(argv[3]), std::atoi(argv[4]), {}};
  for (char** name = argv + 5; *name != nullptr; ++name) {
    const auto* call =
        std::find_if(kCalls.begin(), kCalls.end(), [&](const Call& one) { return one.name == *name; });
    if (call == kCalls.end()) return 2;
    denied.calls.push_back(static_cast<std::uint64_t>(call->number));
  }
  struct sigaction action {};
  action.sa_handler = end_soon;
  sigaction(SIGTERM, &action, nullptr);
  deny(std::move(denied));
}
