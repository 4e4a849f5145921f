#include "libinit/process/child_steps.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <climits>
#include <csignal>

#include "libinit/process/child_fds.h"
#include "libinit/process/plan_view.h"
#include "libinit/sys/calls.h"

namespace init::process {
namespace {

constexpr std::size_t kPiece = 1024;
constexpr int kExitNotFound = 127;
constexpr int kExitFailed = 126;
constexpr std::uint32_t kCapabilities = 64;  // bits of a set

int write_bytes(int fd, const void* data, std::size_t size) noexcept {
  long written = 0;
  do {
    written = sys::write(fd, data, size);
  } while (written == -EINTR);
  return sys::error_of(written);
}

// In short pieces: for long ones libc looks at variables of its own, which a child of PID 1 does not have.
char* append(char* to, std::string_view text) noexcept {
  for (; !text.empty(); text.remove_prefix(std::min(text.size(), kPiece))) {
    to = std::copy_n(text.data(), std::min(text.size(), kPiece), to);
  }
  return to;
}

// The program in one directory of a PATH. Empty and overlong entries are skipped: the first would be the
// working directory, which is not where an admin means to look.
int exec_in(std::string_view directory, const char* program, const std::byte* argv,
            const std::byte* envp) noexcept {
  char path[PATH_MAX];
  const std::size_t length = std::strlen(program);
  if (directory.empty() || directory.size() + length + 2 > sizeof path) return ENOENT;
  append(append(path, directory), "/");
  append(path + directory.size() + 1, {program, length + 1});
  return sys::error_of(sys::execve(path, argv, envp));
}

class Child {
 public:
  Child(std::span<std::byte> plan, const ChildContext& context) noexcept
      : plan_(plan), context_(context), fds_(plan_, context_) {}

  [[nodiscard]] ChildReport run() noexcept;
  void report(ChildReport report) const noexcept;

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
  Outcome scheduler() noexcept;
  Outcome io_priority() noexcept;
  Outcome cpus() noexcept;
  Outcome numa() noexcept;
  Outcome make_room() noexcept { return fds_.make_room(); }
  Outcome stdio_root() noexcept;
  Outcome umask() noexcept;
  Outcome root_directory() noexcept;
  Outcome bounding() noexcept;
  Outcome groups() noexcept;
  Outcome group() noexcept;
  Outcome user() noexcept;
  Outcome ambient() noexcept;
  Outcome no_new_privileges() noexcept;
  Outcome stdio_user() noexcept { return fds_.open_user_streams(); }
  Outcome place_stdio() noexcept { return fds_.place_streams(); }
  Outcome terminal() noexcept;
  Outcome passed_fds() noexcept { return fds_.place_passed(); }
  Outcome working_directory() noexcept;
  Outcome parent_death() noexcept;
  Outcome pre_exec() noexcept;
  Outcome final_limits() noexcept;
  Outcome exec() noexcept;

  [[nodiscard]] const ExecPlanHeader& header() const noexcept { return plan_.header(); }
  [[nodiscard]] int set_limit(std::size_t resource, const LimitPlan& limit) const noexcept;

  PlanView plan_;
  const ChildContext& context_;
  ChildFds fds_;
  long umask_before_ = 0;
};

// The order, and the reasons for it: the table is the child's own before anything is opened. Signals are
// clean before a step could hang, so that TERM ends it. What needs root comes before the identity, files of
// the service after it; capabilities are given up before it and handed over it. The terminal needs stdin in
// place; the passed fds come last, since they may take any number. The working directory is entered as the
// service's user. A change of identity would undo the parent-death signal. The caller's hook finds everything
// as the program will. The limit of open files falls only when none is opened any more.
const Child::Step Child::kSteps[] = {
    {ChildStep::Unshare, &Child::unshare},
    {ChildStep::Signals, &Child::signals},
    {ChildStep::Session, &Child::session},
    {ChildStep::Cgroup, &Child::cgroup},
    {ChildStep::Limits, &Child::limits},
    {ChildStep::OomScore, &Child::oom_score},
    {ChildStep::Nice, &Child::nice},
    {ChildStep::Scheduler, &Child::scheduler},
    {ChildStep::IoPriority, &Child::io_priority},
    {ChildStep::Cpus, &Child::cpus},
    {ChildStep::Numa, &Child::numa},
    {ChildStep::PassedFds, &Child::make_room},
    {ChildStep::StdioRoot, &Child::stdio_root},
    {ChildStep::Umask, &Child::umask},
    {ChildStep::RootDirectory, &Child::root_directory},
    {ChildStep::Capabilities, &Child::bounding},
    {ChildStep::Groups, &Child::groups},
    {ChildStep::Group, &Child::group},
    {ChildStep::User, &Child::user},
    {ChildStep::Capabilities, &Child::ambient},
    {ChildStep::NoNewPrivileges, &Child::no_new_privileges},
    {ChildStep::Stdio, &Child::stdio_user},
    {ChildStep::Stdio, &Child::place_stdio},
    {ChildStep::Terminal, &Child::terminal},
    {ChildStep::PassedFds, &Child::passed_fds},
    {ChildStep::WorkingDirectory, &Child::working_directory},
    {ChildStep::ParentDeath, &Child::parent_death},
    {ChildStep::PreExec, &Child::pre_exec},
    {ChildStep::Limits, &Child::final_limits},
    {ChildStep::Exec, &Child::exec},
};

ChildReport Child::run() noexcept {
  for (const Step& step : kSteps) {
    const Outcome outcome = (this->*step.run)();
    if (outcome.error != 0) return {static_cast<std::uint32_t>(step.step), outcome.error, outcome.detail};
  }
  __builtin_unreachable();  // the last step ends in execve or in an error
}

void Child::report(ChildReport report) const noexcept {
  if (context_.report != nullptr) *context_.report = report;
  if (fds_.report_fd() >= 0) write_bytes(fds_.report_fd(), &report, sizeof report);
}

Outcome Child::unshare() noexcept {
  if (context_.in_place) return ChildFds::keep_table();
  return context_.keeps_fds ? Outcome{} : fds_.take_own_table();
}

// execve keeps what is ignored and what is blocked; and no handler of the parent may run in the child.
Outcome Child::signals() noexcept {
  const sys::SignalAction to_default;
  for (int signal = 1; signal <= sys::kLastSignal && !context_.signals_default; ++signal) {
    if (signal == SIGKILL || signal == SIGSTOP) continue;
    const long result = sys::rt_sigaction(signal, &to_default, nullptr);
    if (result < 0) return {sys::error_of(result), static_cast<std::uint32_t>(signal)};
  }
  const sys::SignalSet nothing = 0;
  return {sys::error_of(sys::rt_sigprocmask(SIG_SETMASK, &nothing, nullptr))};
}

Outcome Child::session() noexcept {
  if (plan_.has(kPlanNewSession)) return {sys::error_of(sys::setsid())};
  if (!plan_.has(kPlanSetProcessGroup)) return {};
  return {sys::error_of(sys::setpgid(0, header().process_group))};
}

Outcome Child::cgroup() noexcept {
  return context_.cgroup_procs_fd >= 0 ? Outcome{write_bytes(context_.cgroup_procs_fd, "0", 1)} : Outcome{};
}

int Child::set_limit(std::size_t resource, const LimitPlan& limit) const noexcept {
  const sys::Limit wanted{limit.soft, limit.hard};
  return sys::error_of(sys::prlimit(static_cast<unsigned>(resource), &wanted, nullptr));
}

Outcome Child::limits() noexcept {
  for (std::uint32_t resource = 0; resource < kLimitCount; ++resource) {
    if ((header().limit_mask & (1U << resource)) == 0) continue;
    LimitPlan limit = header().limits[resource];
    if (resource == RLIMIT_NOFILE) {
      sys::Limit now;
      sys::prlimit(resource, nullptr, &now);
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
  const long fd = sys::openat(AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC, 0);
  if (fd < 0) return {sys::error_of(fd)};
  char text[12];
  const char* const end = std::to_chars(text, text + sizeof text, header().oom_score_adjust).ptr;
  const int error = write_bytes(static_cast<int>(fd), text, static_cast<std::size_t>(end - text));
  sys::close(static_cast<int>(fd));
  return {error};
}

Outcome Child::nice() noexcept {
  if (!plan_.has(kPlanSetNice)) return {};
  return {sys::error_of(sys::setpriority(PRIO_PROCESS, 0, header().nice))};
}

Outcome Child::scheduler() noexcept {
  if (!plan_.has(kPlanSetScheduler)) return {};
  return {sys::error_of(sys::sched_setscheduler(0, header().scheduler, header().scheduler_priority))};
}

Outcome Child::io_priority() noexcept {
  if (!plan_.has(kPlanSetIoPriority)) return {};
  constexpr int kProcess = 1;  // IOPRIO_WHO_PROCESS
  return {sys::error_of(sys::ioprio_set(kProcess, 0, header().io_priority))};
}

Outcome Child::cpus() noexcept {
  if (header().cpus == 0) return {};
  return {sys::error_of(sys::sched_setaffinity(0, header().cpus_size, plan_.at(header().cpus)))};
}

Outcome Child::numa() noexcept {
  if (!plan_.has(kPlanSetNuma)) return {};
  return {sys::error_of(sys::set_mempolicy(header().numa_policy, header().numa_nodes))};
}

// A file of our own gets just the mode that the plan names.
Outcome Child::stdio_root() noexcept {
  umask_before_ = sys::umask(0);
  return fds_.open_root_streams();
}

Outcome Child::umask() noexcept {
  sys::umask(header().umask == kKeepId ? static_cast<std::uint32_t>(umask_before_) : header().umask);
  return {};
}

// What is left of root's power falls with the identity and with the exec; here goes what it could ever have.
Outcome Child::bounding() noexcept {
  if (plan_.has(kPlanSetSecurebits)) {
    const long set = sys::prctl(PR_SET_SECUREBITS, header().securebits);
    if (set < 0) return {sys::error_of(set)};
  }
  for (std::uint32_t at = 0; plan_.has(kPlanSetBounding) && at < kCapabilities; ++at) {
    if ((header().bounding >> at & 1U) != 0) continue;
    const long dropped = sys::prctl(PR_CAPBSET_DROP, at);
    if (dropped == -EINVAL) break;  // the kernel knows no more of them
    if (dropped < 0) return {sys::error_of(dropped), at};
  }
  return {plan_.has(kPlanSetAmbient) ? sys::error_of(sys::prctl(PR_SET_KEEPCAPS, 1)) : 0};
}

// Permitted sets have come over the identity by PR_SET_KEEPCAPS; execve(2) leaves just the ambient ones of
// them.
Outcome Child::ambient() noexcept {
  if (!plan_.has(kPlanSetAmbient)) return {};
  const std::uint64_t ambient = header().ambient;
  __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct halves[_LINUX_CAPABILITY_U32S_3] = {};
  long result = sys::capget(&head, halves);
  halves[0].inheritable = static_cast<std::uint32_t>(ambient);
  halves[1].inheritable = static_cast<std::uint32_t>(ambient >> 32);
  if (result == 0) result = sys::capset(&head, halves);
  if (result == 0) result = sys::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL);
  for (std::uint32_t at = 0; at < kCapabilities && result == 0; ++at) {
    if ((ambient >> at & 1U) != 0) result = sys::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, at);
    if (result != 0) return {sys::error_of(result), at};
  }
  return {sys::error_of(result)};
}

Outcome Child::root_directory() noexcept {
  if (header().root_directory == 0) return {};
  const long result = sys::chroot(plan_.string(header().root_directory));
  return {sys::error_of(result < 0 ? result : sys::chdir("/"))};
}

Outcome Child::groups() noexcept {
  if (header().group_count == kKeepId) return {};
  return {sys::error_of(sys::setgroups(header().group_count, plan_.at(header().groups)))};
}

// Both identities are read back: a kernel or a filter that only claims success must not leave a service as
// root.
Outcome Child::group() noexcept {
  const gid_t gid = header().gid;
  if (gid == kKeepId) return {};
  if (const long result = sys::setresgid(gid); result < 0) return {sys::error_of(result)};
  gid_t now[3] = {kKeepId, kKeepId, kKeepId};
  sys::getresgid(now);
  return {now[0] == gid && now[1] == gid && now[2] == gid ? 0 : EPERM};
}

Outcome Child::user() noexcept {
  const uid_t uid = header().uid;
  if (uid == kKeepId) return {};
  if (const long result = sys::setresuid(uid); result < 0) return {sys::error_of(result)};
  uid_t now[3] = {kKeepId, kKeepId, kKeepId};
  sys::getresuid(now);
  return {now[0] == uid && now[1] == uid && now[2] == uid ? 0 : EPERM};
}

Outcome Child::no_new_privileges() noexcept {
  if (!plan_.has(kPlanNoNewPrivileges)) return {};
  return {sys::error_of(sys::prctl(PR_SET_NO_NEW_PRIVS, 1))};
}

Outcome Child::terminal() noexcept {
  long result = plan_.has(kPlanControllingTty) ? sys::ioctl(0, TIOCSCTTY, nullptr) : 0;
  if (!plan_.has(kPlanForeground) || result < 0) return {sys::error_of(result)};
  // Still in the background, the child would be stopped for this.
  const sys::SignalSet stop = sys::SignalSet{1} << (SIGTTOU - 1), nothing = 0;
  sys::rt_sigprocmask(SIG_SETMASK, &stop, nullptr);
  const auto group = static_cast<pid_t>(sys::getpgid(0));
  result = sys::ioctl(0, TIOCSPGRP, &group);
  sys::rt_sigprocmask(SIG_SETMASK, &nothing, nullptr);
  return {sys::error_of(result)};
}

Outcome Child::working_directory() noexcept {
  if (header().working_directory == 0) return {};
  long result = sys::chdir(plan_.string(header().working_directory));
  if (result == -ENOENT && plan_.has(kPlanDirectoryMayMiss)) result = sys::chdir("/");
  return {sys::error_of(result)};
}

// The kernel tells of a death that is still to come only.
Outcome Child::parent_death() noexcept {
  if (header().parent_death_signal == 0) return {};
  const long result = sys::prctl(PR_SET_PDEATHSIG, static_cast<unsigned>(header().parent_death_signal));
  if (result < 0 || context_.parent_pid == 0) return {sys::error_of(result)};
  return {sys::getppid() == context_.parent_pid ? 0 : ESRCH};
}

Outcome Child::pre_exec() noexcept {
  return {context_.pre_exec != nullptr ? context_.pre_exec(context_.pre_exec_argument) : 0};
}

Outcome Child::exec() noexcept {
  for (const std::uint32_t variable : {header().listen_pid, header().watchdog_pid}) {
    if (variable == 0) continue;
    char* const slot = plan_.string(variable);
    char* const room = static_cast<char*>(std::memchr(slot, '=', std::strlen(slot))) + 1;
    *std::to_chars(room, room + std::strlen(room), static_cast<int>(sys::getpid())).ptr = '\0';
  }
  const std::byte* const argv = plan_.turn_into_pointers(header().argv, header().argc);
  const std::byte* const envp = plan_.turn_into_pointers(header().envp, header().envc);
  report({static_cast<std::uint32_t>(ChildStep::Exec), 0, 0});
  const char* const path = header().search_path == 0 ? nullptr : plan_.string(header().search_path);
  return {execute(plan_.string(header().program), path, argv, envp)};
}

}  // namespace

// As execvp(3): go on where nothing is, remember a refusal, stop at anything else.
int execute(const char* program, const char* search_path, const std::byte* argv,
            const std::byte* envp) noexcept {
  if (search_path == nullptr) return sys::error_of(sys::execve(program, argv, envp));
  int error = ENOENT;
  std::string_view path = search_path;
  while (!path.empty()) {
    const std::string_view directory = path.substr(0, path.find(':'));
    path.remove_prefix(std::min(path.size(), directory.size() + 1));
    const int now = exec_in(directory, program, argv, envp);
    if (now == EACCES) error = now;
    if (now != EACCES && now != ENOENT && now != ENOTDIR) return now;
  }
  return error;
}

ChildReport take_child_steps(std::span<std::byte> plan, const ChildContext& context) noexcept {
  return Child(plan, context).run();
}

void run_child_steps(std::span<std::byte> plan, const ChildContext& context) noexcept {
  Child child(plan, context);
  const ChildReport failed = child.run();
  child.report(failed);
  const bool not_found = failed.step == static_cast<std::uint32_t>(ChildStep::Exec) && failed.error == ENOENT;
  for (;;) sys::exit_group(not_found ? kExitNotFound : kExitFailed);
}

}  // namespace init::process
