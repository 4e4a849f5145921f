#include "daemon/one_command/command.h"

#include <linux/sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "daemon/one_command/identity.h"
#include "daemon/one_command/plan.h"
#include "libinit/process/child_steps.h"
#include "libinit/sys/calls.h"
#include "libinit/sys/start_child.h"

namespace init::one_command {
namespace {

constexpr int kNotFound = 127;
constexpr std::size_t kStackSize = std::size_t{32} << 10;

using process::ChildReport;
using process::ChildStep;

[[noreturn]] void refuse(const char* object, const char* why, int code) noexcept {
  dprintf(STDERR_FILENO, "initd: %s: %s\n", object, why);
  _exit(code);
}

const Identity* identity_of(const Options& options) noexcept {
  if (options.user == nullptr) return nullptr;
  static Identity identity;
  if (const char* why = find_identity(options.user, identity)) refuse(options.user, why, kCannotRun);
  return &identity;
}

[[noreturn]] void explain(const ChildReport& report, const char* command, const Options& options) noexcept {
  const auto step = static_cast<ChildStep>(report.step);
  const char* const why = strerrordesc_np(report.error);
  if (step == ChildStep::WorkingDirectory) refuse(options.directory, why, kCannotRun);
  if (step == ChildStep::User || step == ChildStep::Group || step == ChildStep::Groups)
    refuse(options.user, why, kCannotRun);
  if (step != ChildStep::Exec) refuse(child_step_name(step), why, kCannotRun);
  if (report.error != ENOENT) refuse(command, why, kCannotRun);
  refuse(command, std::strchr(command, '/') == nullptr ? "command not found" : why, kNotFound);
}

// What initd and the child share: their memory, since initd is suspended until the child has become the
// command or ended. A signal that comes meanwhile is passed on afterwards.
struct Start {
  std::span<std::byte> plan;
  const Terminal& terminal;
  bool leads_session;
  int parent;
  ChildReport failed{};
};

// In the child: no libc that sets errno. What initd has open beyond the standard streams is the command's.
void become_command(void* shared) noexcept {
  Start& start = *static_cast<Start*>(shared);
  if (!start.leads_session) {
    sys::setpgid(0, 0);
    start.terminal.give_to(static_cast<pid_t>(sys::getpid()));
  }
  start.failed = process::take_child_steps(
      start.plan, {.passed_fds = {}, .signals_default = true, .keeps_fds = true, .parent_pid = start.parent});
  sys::exit_group(0);
}

Command spawn(Start& start) noexcept {
  void* const memory = mmap(nullptr, kStackSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return {-errno, UniqueFd()};
  int pidfd = -1;
  const long pid = sys::start_child(CLONE_VM | CLONE_VFORK, static_cast<std::byte*>(memory), kStackSize,
                                    become_command, &start, &pidfd);
  munmap(memory, kStackSize);
  return {static_cast<pid_t>(pid), UniqueFd(pidfd)};
}

}  // namespace

Command start_command(std::span<char* const> words, const Options& options, Terminal& terminal) noexcept {
  const Identity* const identity = identity_of(options);
  const bool takes_terminal = options.session && terminal.leave();
  const std::span<std::byte> plan = make_plan({.command = words,
                                               .environment = environ,
                                               .options = options,
                                               .identity = identity,
                                               .controlling_terminal = takes_terminal});
  if (plan.empty()) refuse(words.front(), strerrordesc_np(errno), kCannotRun);
  Start start{.plan = plan, .terminal = terminal, .leads_session = options.session, .parent = getpid()};
  Command command = spawn(start);
  munmap(plan.data(), plan.size());
  if (command.pid < 0) refuse(words.front(), strerrordesc_np(-command.pid), kCannotRun);
  if (start.failed.error == 0) return command;
  terminal.take_back();
  explain(start.failed, words.front(), options);
}

}  // namespace init::one_command
