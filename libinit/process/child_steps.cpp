#include "libinit/process/child_steps.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>

#include "libinit/process/child_fds.h"
#include "libinit/process/plan_view.h"
#include "libinit/process/raw_syscall.h"

namespace init::process {
namespace {

constexpr int kLastSignal = 64;
constexpr std::size_t kSignalSetBytes = 8;  // of the kernel, not of libc
constexpr int kExitNotFound = 127;
constexpr int kExitFailed = 126;

// Decimal, left-aligned, ended by a NUL; gives the number of digits and sign.
std::size_t write_decimal(char* to, int value) noexcept {
  char digits[12];
  std::size_t count = 0;
  unsigned left = value < 0 ? 0U - static_cast<unsigned>(value) : static_cast<unsigned>(value);
  do {
    digits[count++] = static_cast<char>('0' + left % 10);
  } while ((left /= 10) != 0);
  if (value < 0) digits[count++] = '-';
  for (std::size_t at = 0; at < count; ++at) to[at] = digits[count - 1 - at];
  to[count] = '\0';
  return count;
}

int write_bytes(int fd, const void* data, std::size_t size) noexcept {
  long written = 0;
  do {
    written = raw::call(SYS_write, fd, data, size);
  } while (written == -EINTR);
  return raw::error_of(written);
}

// The program in one directory of a PATH. Empty and overlong entries are skipped: the first would be the
// working directory, which is not where an admin means to look.
int exec_in(std::string_view directory, const char* program, const std::byte* argv,
            const std::byte* envp) noexcept {
  char path[PATH_MAX];
  const std::size_t length = std::strlen(program);
  if (directory.empty() || directory.size() + length + 2 > sizeof path) return ENOENT;
  std::memcpy(path, directory.data(), directory.size());
  path[directory.size()] = '/';
  std::memcpy(path + directory.size() + 1, program, length + 1);
  return raw::error_of(raw::call(SYS_execve, path, argv, envp));
}

class Child {
 public:
  Child(std::span<std::byte> plan, const ChildContext& context) noexcept
      : plan_(plan), context_(context), fds_(plan_, context_) {}

  [[noreturn]] void run() noexcept;

 private:
  struct Step {
    ChildStep step;
    Outcome (Child::*run)() noexcept;
  };
  static const Step kSteps[];

  Outcome unshare() noexcept;
  Outcome signals() noexcept;
  Outcome session() noexcept;
  Outcome cgroup() noexcept;
  Outcome limits() noexcept;
  Outcome oom_score() noexcept;
  Outcome nice() noexcept;
  Outcome make_room() noexcept { return fds_.make_room(); }
  Outcome stdio_root() noexcept { return fds_.open_root_streams(); }
  Outcome umask() noexcept;
  Outcome root_directory() noexcept;
  Outcome groups() noexcept;
  Outcome group() noexcept;
  Outcome user() noexcept;
  Outcome no_new_privileges() noexcept;
  Outcome stdio_user() noexcept { return fds_.open_user_streams(); }
  Outcome place_stdio() noexcept { return fds_.place_streams(); }
  Outcome terminal() noexcept;
  Outcome passed_fds() noexcept { return fds_.place_passed(); }
  Outcome working_directory() noexcept;
  Outcome final_limits() noexcept;
  Outcome exec() noexcept;

  [[nodiscard]] const ExecPlanHeader& header() const noexcept { return plan_.header(); }
  [[nodiscard]] int set_limit(std::size_t resource, const LimitPlan& limit) const noexcept;
  [[nodiscard]] std::string_view path_variable() const noexcept;
  void report(ChildStep step, Outcome outcome) const noexcept;

  PlanView plan_;
  const ChildContext& context_;
  ChildFds fds_;
};

// The order, and the reasons for it: the table is the child's own before anything is opened. Signals are
// clean before a step could hang, so that TERM ends it. What needs root comes before the identity, files of
// the service after it. The terminal needs stdin in place; the passed fds come last, since they may take any
// number. The working directory is entered as the service's user. The limit of open files falls only when
// none is opened any more.
const Child::Step Child::kSteps[] = {
    {ChildStep::Unshare, &Child::unshare},
    {ChildStep::Signals, &Child::signals},
    {ChildStep::Session, &Child::session},
    {ChildStep::Cgroup, &Child::cgroup},
    {ChildStep::Limits, &Child::limits},
    {ChildStep::OomScore, &Child::oom_score},
    {ChildStep::Nice, &Child::nice},
    {ChildStep::PassedFds, &Child::make_room},
    {ChildStep::StdioRoot, &Child::stdio_root},
    {ChildStep::Umask, &Child::umask},
    {ChildStep::RootDirectory, &Child::root_directory},
    {ChildStep::Groups, &Child::groups},
    {ChildStep::Group, &Child::group},
    {ChildStep::User, &Child::user},
    {ChildStep::NoNewPrivileges, &Child::no_new_privileges},
    {ChildStep::Stdio, &Child::stdio_user},
    {ChildStep::Stdio, &Child::place_stdio},
    {ChildStep::Terminal, &Child::terminal},
    {ChildStep::PassedFds, &Child::passed_fds},
    {ChildStep::WorkingDirectory, &Child::working_directory},
    {ChildStep::Limits, &Child::final_limits},
    {ChildStep::Exec, &Child::exec},
};

void Child::run() noexcept {
  for (const Step& step : kSteps) {
    const Outcome outcome = (this->*step.run)();
    if (outcome.error == 0) continue;
    report(step.step, outcome);
    const bool not_found = step.step == ChildStep::Exec && outcome.error == ENOENT;
    raw::call(SYS_exit_group, not_found ? kExitNotFound : kExitFailed);
  }
  __builtin_unreachable();  // the last step ends in execve or in an error
}

void Child::report(ChildStep step, Outcome outcome) const noexcept {
  const ChildReport report{static_cast<std::uint32_t>(step), outcome.error, outcome.detail};
  write_bytes(fds_.report_fd(), &report, sizeof report);
}

Outcome Child::unshare() noexcept {
  const Outcome outcome = fds_.take_own_table();
  if (outcome.error == 0) report(ChildStep::Unshare, {});
  return outcome;
}

// execve keeps what is ignored and what is blocked; and no handler of the parent may run in the child.
Outcome Child::signals() noexcept {
  const std::uint64_t to_default[4] = {};  // struct sigaction of the kernel: SIG_DFL, no flags, empty mask
  for (int signal = 1; signal <= kLastSignal && !context_.signals_default; ++signal) {
    if (signal == SIGKILL || signal == SIGSTOP) continue;
    const long result = raw::call(SYS_rt_sigaction, signal, to_default, nullptr, kSignalSetBytes);
    if (result < 0) return {raw::error_of(result), static_cast<std::uint32_t>(signal)};
  }
  const std::uint64_t nothing = 0;
  return {raw::error_of(raw::call(SYS_rt_sigprocmask, SIG_SETMASK, &nothing, nullptr, kSignalSetBytes))};
}

Outcome Child::session() noexcept {
  return plan_.has(kPlanNewSession) ? Outcome{raw::error_of(raw::call(SYS_setsid))} : Outcome{};
}

Outcome Child::cgroup() noexcept {
  return context_.cgroup_procs_fd >= 0 ? Outcome{write_bytes(context_.cgroup_procs_fd, "0", 1)} : Outcome{};
}

int Child::set_limit(std::size_t resource, const LimitPlan& limit) const noexcept {
  return raw::error_of(raw::call(SYS_prlimit64, 0, resource, &limit, nullptr));
}

Outcome Child::limits() noexcept {
  for (std::uint32_t resource = 0; resource < kLimitCount; ++resource) {
    if ((header().limit_mask & (1U << resource)) == 0) continue;
    LimitPlan limit = header().limits[resource];
    if (resource == RLIMIT_NOFILE) {
      LimitPlan now;
      raw::call(SYS_prlimit64, 0, resource, nullptr, &now);
      limit = {std::max(limit.soft, now.soft), std::max(limit.hard, now.hard)};
    }
    if (const int error = set_limit(resource, limit); error != 0) return {error, resource};
  }
  return {};
}

Outcome Child::final_limits() noexcept {
  if ((header().limit_mask & (1U << RLIMIT_NOFILE)) == 0) return {};
  return {set_limit(RLIMIT_NOFILE, header().limits[RLIMIT_NOFILE]), RLIMIT_NOFILE};
}

Outcome Child::oom_score() noexcept {
  if (!plan_.has(kPlanSetOomScoreAdjust)) return {};
  const long fd = raw::call(SYS_openat, AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC, 0);
  if (fd < 0) return {raw::error_of(fd)};
  char text[12];
  const int error = write_bytes(static_cast<int>(fd), text, write_decimal(text, header().oom_score_adjust));
  raw::call(SYS_close, fd);
  return {error};
}

Outcome Child::nice() noexcept {
  if (!plan_.has(kPlanSetNice)) return {};
  return {raw::error_of(raw::call(SYS_setpriority, PRIO_PROCESS, 0, header().nice))};
}

Outcome Child::umask() noexcept {
  raw::call(SYS_umask, header().umask);
  return {};
}

Outcome Child::root_directory() noexcept {
  if (header().root_directory == 0) return {};
  const long result = raw::call(SYS_chroot, plan_.string(header().root_directory));
  return {raw::error_of(result < 0 ? result : raw::call(SYS_chdir, "/"))};
}

Outcome Child::groups() noexcept {
  if (header().group_count == kKeepId) return {};
  return {raw::error_of(raw::call(SYS_setgroups, header().group_count, plan_.at(header().groups)))};
}

// Both identities are read back: a kernel or a filter that only claims success must not leave a service as
// root.
Outcome Child::group() noexcept {
  const gid_t gid = header().gid;
  if (gid == kKeepId) return {};
  if (const long result = raw::call(SYS_setresgid, gid, gid, gid); result < 0) return {raw::error_of(result)};
  gid_t now[3] = {kKeepId, kKeepId, kKeepId};
  raw::call(SYS_getresgid, &now[0], &now[1], &now[2]);
  return {now[0] == gid && now[1] == gid && now[2] == gid ? 0 : EPERM};
}

Outcome Child::user() noexcept {
  const uid_t uid = header().uid;
  if (uid == kKeepId) return {};
  if (const long result = raw::call(SYS_setresuid, uid, uid, uid); result < 0) return {raw::error_of(result)};
  uid_t now[3] = {kKeepId, kKeepId, kKeepId};
  raw::call(SYS_getresuid, &now[0], &now[1], &now[2]);
  return {now[0] == uid && now[1] == uid && now[2] == uid ? 0 : EPERM};
}

Outcome Child::no_new_privileges() noexcept {
  if (!plan_.has(kPlanNoNewPrivileges)) return {};
  return {raw::error_of(raw::call(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))};
}

Outcome Child::terminal() noexcept {
  if (!plan_.has(kPlanControllingTty)) return {};
  return {raw::error_of(raw::call(SYS_ioctl, 0, TIOCSCTTY, 0))};
}

Outcome Child::working_directory() noexcept {
  if (header().working_directory == 0) return {};
  return {raw::error_of(raw::call(SYS_chdir, plan_.string(header().working_directory)))};
}

// The value of the plan's own PATH; empty when it has none, so that nothing is found.
std::string_view Child::path_variable() const noexcept {
  for (std::uint32_t index = 0; index < header().envc; ++index) {
    const char* const variable = plan_.string(plan_.entry<std::uint64_t>(header().envp, index));
    if (std::strncmp(variable, "PATH=", 5) == 0) return variable + 5;
  }
  return {};
}

Outcome Child::exec() noexcept {
  if (header().listen_pid != 0) {
    char* const room = plan_.string(header().listen_pid) + sizeof "LISTEN_PID=" - 1;
    write_decimal(room, static_cast<int>(raw::call(SYS_getpid)));
  }
  std::string_view path = plan_.has(kPlanSearchPath) ? path_variable() : std::string_view{};
  const std::byte* const argv = plan_.turn_into_pointers(header().argv, header().argc);
  const std::byte* const envp = plan_.turn_into_pointers(header().envp, header().envc);
  const char* const program = plan_.string(header().program);
  report(ChildStep::Exec, {});
  if (!plan_.has(kPlanSearchPath)) return {raw::error_of(raw::call(SYS_execve, program, argv, envp))};

  // As execvp(3): go on where nothing is, remember a refusal, stop at anything else.
  int error = ENOENT;
  while (!path.empty()) {
    const std::string_view directory = path.substr(0, path.find(':'));
    path.remove_prefix(std::min(path.size(), directory.size() + 1));
    const int now = exec_in(directory, program, argv, envp);
    if (now == EACCES) error = now;
    if (now != EACCES && now != ENOENT && now != ENOTDIR) return {now};
  }
  return {error};
}

}  // namespace

void run_child_steps(std::span<std::byte> plan, const ChildContext& context) noexcept {
  Child(plan, context).run();
}

}  // namespace init::process
