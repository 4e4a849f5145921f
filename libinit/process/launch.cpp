#include "libinit/process/launch.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "libinit/process/child_steps.h"
#include "libinit/process/wait_for.h"
#include "libinit/sys/calls.h"
#include "libinit/sys/start_child.h"

namespace init::process {
namespace {

constexpr std::size_t kStackBytes =
    256 * 1024;  // a hook of the caller's may want some; untouched pages cost nothing
constexpr sys::SignalSet kAllSignals = ~sys::SignalSet{0};

// A sanitizer keeps books on memory and stacks, which a child that borrows them would upset.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kMayShareMemory = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kMayShareMemory = false;
#else
constexpr bool kMayShareMemory = true;
#endif
#else
constexpr bool kMayShareMemory = true;
#endif

class ChildStack {
 public:
  ChildStack() noexcept
      : at_(mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1,
                 0)) {}
  ~ChildStack() {
    if (valid()) munmap(at_, kStackBytes);
  }
  ChildStack(const ChildStack&) = delete;
  ChildStack& operator=(const ChildStack&) = delete;
  [[nodiscard]] bool valid() const noexcept { return at_ != MAP_FAILED; }
  [[nodiscard]] std::byte* get() const noexcept { return static_cast<std::byte*>(at_); }

 private:
  void* at_;
};

// No handler may run in the child while it shares the parent's memory, and none of libc's own signals stop
// it.
class AllSignalsBlocked {
 public:
  AllSignalsBlocked() noexcept { sys::rt_sigprocmask(SIG_SETMASK, &kAllSignals, &before_); }
  ~AllSignalsBlocked() { sys::rt_sigprocmask(SIG_SETMASK, &before_, nullptr); }
  AllSignalsBlocked(const AllSignalsBlocked&) = delete;
  AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;

 private:
  sys::SignalSet before_ = 0;
};

struct Beginning {
  std::span<std::byte> plan;
  ChildContext context;
};

__attribute__((no_sanitize("address", "thread"))) void begin(void* argument) noexcept {
  const Beginning& beginning = *static_cast<const Beginning*>(argument);
  run_child_steps(beginning.plan, beginning.context);
}

// The child's writes must not reach the parent where they would stay: the hook is anyone's code, the score of
// the OOM killer and the dumpable flag, which falls with the identity, belong to the memory.
bool needs_own_memory(const CommandSettings& settings, const PlanInput& input) {
  return !kMayShareMemory || settings.pre_exec || input.oom_score_adjust || input.uid || input.gid;
}

int call_hook(void* hook) noexcept {
  return (*static_cast<const std::function<int()>*>(hook))();
}

ChildContext context_of(const CommandSettings& settings, const Resolved& resolved) {
  ChildContext context;
  context.passed_fds = resolved.passed;
  context.cgroup_procs_fd = resolved.cgroup_procs.get();
  if (settings.pre_exec) {
    context.pre_exec = call_hook;
    context.pre_exec_argument = const_cast<std::function<int()>*>(&settings.pre_exec);
  }
  return context;
}

std::string object_of(ChildStep step, std::uint32_t detail, const Resolved& resolved) {
  const PlanInput& input = resolved.input;
  switch (step) {
    case ChildStep::StdioRoot:
    case ChildStep::Stdio: {
      constexpr const char* kNames[] = {"stdin", "stdout", "stderr"};
      const std::string& path = input.stdio[detail % 3].path;
      return path.empty() ? kNames[detail % 3] : path;
    }
    case ChildStep::PassedFds:
      return detail < resolved.passed.size() ? "fd " + std::to_string(resolved.passed[detail]) : "";
    case ChildStep::WorkingDirectory:
      return input.working_directory;
    case ChildStep::RootDirectory:
      return input.root_directory;
    case ChildStep::User:
      return std::to_string(input.uid.value_or(kKeepId));
    case ChildStep::Group:
      return std::to_string(input.gid.value_or(kKeepId));
    case ChildStep::Limits:
    case ChildStep::Capabilities:
      return "number " + std::to_string(detail);
    default:
      return input.program;
  }
}

Error error_of(const ChildReport& report, const Resolved& resolved) {
  const auto step = static_cast<ChildStep>(report.step);
  return {report.error, child_step_name(step), object_of(step, report.detail, resolved), {}, {}};
}

// The last thing that the child said. It speaks before the parent wakes up, since it was cloned with
// CLONE_VFORK. An emulator that makes a fork of that (valgrind) is waited for until the exec closes the pipe.
ChildReport last_report(int fd) {
  ChildReport last;
  bool is_late = false;
  for (;;) {
    ChildReport next;
    const long got = sys::read(fd, &next, sizeof next);
    if (got == static_cast<long>(sizeof next)) {
      last = next;
    } else if (got == -EAGAIN) {
      const bool is_final = static_cast<ChildStep>(last.step) == ChildStep::Exec || last.error != 0;
      if (is_final && !is_late) return last;
      is_late = true;
      if (wait_for(fd, MonotonicTime::never()) != 0) return last;
    } else if (got != -EINTR) {
      return last;
    }
  }
}

struct Born {
  long pid = 0;  // or -errno
  UniqueFd pidfd;
  ChildReport report;
};

// A child that borrows our memory needs no pipe to say something, unless an emulator has made a fork of it:
// the first one says it both ways, and shows which it is.
std::atomic<bool> memory_is_shared{false};

Born give_birth(Beginning& beginning, bool own_memory) {
  thread_local const ChildStack stack;
  Born born;
  ChildReport in_memory;
  if (!own_memory) beginning.context.report = &in_memory;
  const bool needs_pipe = own_memory || !memory_is_shared.load(std::memory_order_relaxed);
  int ends[2] = {-1, -1};
  if (!stack.valid()) born.pid = -ENOMEM;
  if (stack.valid() && needs_pipe) born.pid = sys::pipe2(ends, O_CLOEXEC | O_NONBLOCK);
  if (born.pid < 0) return born;
  const UniqueFd read(ends[0]);
  UniqueFd write(ends[1]);
  beginning.context.report_fd = write.get();
  int pidfd = -1;
  {
    const AllSignalsBlocked blocked;
    const std::uint64_t flags = CLONE_PIDFD | CLONE_VFORK | (own_memory ? 0U : CLONE_VM);
    born.pid = sys::start_child(flags, stack.get(), kStackBytes, begin, &beginning, &pidfd);
  }
  write.reset();
  born.pidfd.reset(pidfd);
  born.report = in_memory;
  if (!needs_pipe || born.pid <= 0) return born;
  if (!own_memory) memory_is_shared.store(in_memory.step != 0, std::memory_order_relaxed);
  born.report = last_report(read.get());
  return born;
}

Failure abandon(pid_t pid, int error) {
  sys::kill(pid, SIGKILL);
  sys::waitid(P_PID, pid, nullptr, WEXITED, nullptr);
  return failure(error, "pidfd_open", "process " + std::to_string(pid));
}

}  // namespace

Result<Child> launch(const CommandSettings& settings, LaunchMode mode) {
  auto resolved = resolve(settings, mode);
  if (!resolved) return Failure(resolved.error());
  Beginning beginning{resolved->plan, context_of(settings, *resolved)};
  if (resolved->input.parent_death_signal != 0) beginning.context.parent_pid = Pid::self().raw();
  Born born = give_birth(beginning, needs_own_memory(settings, resolved->input));
  const std::string& program = resolved->input.program;
  if (born.pid < 0) return failure(sys::error_of(born.pid), "clone", program);
  const auto pid = Pid::from(born.pid);
  if (!pid) return Failure(pid.error());
  if (!born.pidfd) {
    // A kernel before 5.2, or an emulator. The child is not reaped, so the number is its own.
    const long opened = sys::pidfd_open(pid->raw());
    if (opened < 0) return abandon(pid->raw(), sys::error_of(opened));
    born.pidfd.reset(static_cast<int>(opened));
  }
  Child child(*pid, std::move(born.pidfd), std::move(resolved->parent_ends));
  if (static_cast<ChildStep>(born.report.step) == ChildStep::Exec && born.report.error == 0) return child;
  const auto status = child.wait();
  if (born.report.error != 0) return Failure(error_of(born.report, *resolved));
  auto killed = failure(0, "spawn", program);
  killed.value().hint = "it ended before it could run: " + (status ? status->text() : status.error().text());
  return killed;
}

Error replace_self(const CommandSettings& settings) {
  auto resolved = resolve(settings, LaunchMode::Replace);
  if (!resolved) return resolved.error();
  ChildContext context = context_of(settings, *resolved);
  context.in_place = true;
  std::array<sys::SignalAction, sys::kLastSignal + 1> actions;
  sys::SignalSet mask = 0;
  for (int signal = 1; signal <= sys::kLastSignal; ++signal)
    sys::rt_sigaction(signal, nullptr, &actions[static_cast<std::size_t>(signal)]);
  sys::rt_sigprocmask(SIG_BLOCK, nullptr, &mask);
  const ChildReport report = take_child_steps(resolved->plan, context);
  for (int signal = 1; signal <= sys::kLastSignal; ++signal)
    sys::rt_sigaction(signal, &actions[static_cast<std::size_t>(signal)], nullptr);
  sys::rt_sigprocmask(SIG_SETMASK, &mask, nullptr);
  return error_of(report, *resolved);
}

}  // namespace init::process
