#include "daemon/one_command/command.h"

#include <linux/sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstring>

#include "daemon/one_command/environment.h"
#include "daemon/one_command/identity.h"
#include "libinit/process/child_steps.h"
#include "libinit/process/exec_plan.h"
#include "libinit/sys/calls.h"
#include "libinit/sys/start_child.h"

namespace init::one_command {
namespace {

constexpr int kNotFound = 127;
constexpr std::size_t kStackSize = std::size_t{32} << 10;

using process::ChildReport;
using process::ChildStep;

// As the child steps read it. It has no strings: the hook does what needs them.
struct Plan {
  process::ExecPlanHeader header;
  Identity identity;
};

// What initd and the child share: their memory, since initd is suspended until the child has become the
// command or ended. A signal that comes meanwhile is passed on afterwards.
struct Start {
  std::span<char* const> words;  // a nullptr follows, as in argv
  const Options& options;
  const Terminal& terminal;
  const int initd = getpid();
  Plan plan{};
  Environment environment{};
  bool in_directory = false;
  ChildReport failed{};
};

[[noreturn]] void refuse(const char* object, const char* why, int code) noexcept {
  dprintf(STDERR_FILENO, "initd: %s: %s\n", object, why);
  _exit(code);
}

[[noreturn]] void explain(const Start& start) noexcept {
  const auto step = static_cast<ChildStep>(start.failed.step);
  const char* const command = start.words.front();
  const char* const why = strerrordesc_np(start.failed.error);
  if (step == ChildStep::User || step == ChildStep::Group || step == ChildStep::Groups)
    refuse(start.options.user, why, kCannotRun);
  if (step != ChildStep::PreExec) refuse(child_step_name(step), why, kCannotRun);
  if (!start.in_directory) refuse(start.options.directory, why, kCannotRun);
  if (start.failed.error != ENOENT) refuse(command, why, kCannotRun);
  refuse(command, std::strchr(command, '/') == nullptr ? "command not found" : why, kNotFound);
}

void write_plan(const Options& options, bool takes_terminal, Plan& plan) noexcept {
  process::ExecPlanHeader& header = plan.header;
  header.umask = process::kKeepId;
  for (process::StdioPlan& stream : header.stdio) stream.kind = process::StdioKind::Inherit;
  // Who wants initd to be killed with its parent wants the command to go with initd.
  if (options.parent_death == SIGKILL) header.parent_death_signal = SIGKILL;
  if (options.session) header.flags |= process::kPlanNewSession;
  if (takes_terminal) header.flags |= process::kPlanControllingTty;
  if (options.user == nullptr) return;
  if (const char* why = find_identity(options.user, plan.identity)) refuse(options.user, why, kCannotRun);
  header.uid = plan.identity.uid;
  header.gid = plan.identity.gid;
  header.group_count = static_cast<std::uint32_t>(plan.identity.group_count);
  header.groups = offsetof(Plan, identity) + offsetof(Identity, groups);
}

// In the child, at last as the command's user: no libc that sets errno.
int execute(void* shared) noexcept {
  Start& start = *static_cast<Start*>(shared);
  write_listen_pid(sys::getpid());
  if (start.options.directory != nullptr) {
    if (const long result = sys::chdir(start.options.directory); result < 0) return sys::error_of(result);
  }
  start.in_directory = true;
  const char* const program = start.words.front();
  const bool is_path = std::strchr(program, '/') != nullptr;
  return process::execute(program, is_path ? nullptr : start.environment.search_path,
                          reinterpret_cast<const std::byte*>(start.words.data()),
                          reinterpret_cast<const std::byte*>(start.environment.variables));
}

// In the child as well. What initd has open beyond the standard streams is the command's.
void become_command(void* shared) noexcept {
  Start& start = *static_cast<Start*>(shared);
  if (!start.options.session) {
    sys::setpgid(0, 0);
    start.terminal.give_to(static_cast<pid_t>(sys::getpid()));
  }
  start.failed = process::take_child_steps(std::as_writable_bytes(std::span(&start.plan, 1)),
                                           {.passed_fds = {},
                                            .signals_default = true,
                                            .keeps_fds = true,
                                            .parent_pid = start.initd,
                                            .pre_exec = execute,
                                            .pre_exec_argument = shared});
  sys::exit_group(0);
}

Command spawn(Start& start) noexcept {
  void* const memory = mmap(nullptr, kStackSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return {-errno, UniqueFd()};
  int pidfd = -1;
  const long pid = sys::start_child(CLONE_PIDFD | CLONE_VM | CLONE_VFORK, static_cast<std::byte*>(memory),
                                    kStackSize, become_command, &start, &pidfd);
  munmap(memory, kStackSize);
  return {static_cast<pid_t>(pid), UniqueFd(pidfd)};
}

}  // namespace

Command start_command(std::span<char* const> words, const Options& options, Terminal& terminal) noexcept {
  Start start{.words = words, .options = options, .terminal = terminal};
  write_plan(options, options.session && terminal.leave(), start.plan);
  start.environment = make_environment(environ, start.plan.identity.home.data(), options.changes);
  if (start.environment.variables == nullptr) refuse(words.front(), strerrordesc_np(errno), kCannotRun);
  Command command = spawn(start);
  if (command.pid < 0) refuse(words.front(), strerrordesc_np(-command.pid), kCannotRun);
  if (start.failed.error == 0) return command;
  terminal.take_back();
  explain(start);
}

}  // namespace init::one_command
