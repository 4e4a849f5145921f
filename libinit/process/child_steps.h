// What a child does between fork and exec: one fixed order, raw system calls, its own stack only (no errno,
// no globals, no heap). Shared by PID 1 and libinit's Command.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

namespace init::process {

// The numbers are part of the facts that outlive a version: append only. The order in which the steps run
// stands in child_steps.cpp and, with its reasons, in docs/process.md.
enum class ChildStep : std::uint32_t {
  None = 0,
  Unshare = 1,  // a table of its own, with nothing in it that is another's
  Signals = 2,  // all dispositions default, mask empty
  Session = 3,  // or a process group
  Cgroup = 4,   // only where CLONE_INTO_CGROUP was refused
  Limits = 5,
  OomScore = 6,
  Nice = 7,
  StdioRoot = 8,  // devices and files opened before the identity changes
  Umask = 9,
  RootDirectory = 10,
  Groups = 11,
  Group = 12,
  User = 13,
  NoNewPrivileges = 14,
  Stdio = 15,     // files opened as the service's user; 0, 1 and 2 put in place
  Terminal = 16,  // as the controlling one; its foreground
  PassedFds = 17,
  WorkingDirectory = 18,
  Exec = 19,
  Scheduler = 20,
  IoPriority = 21,
  Cpus = 22,
  Capabilities = 23,  // bounding set and securebits before the identity, the ambient set after it
  ParentDeath = 24,
  PreExec = 25,  // the caller's own hook
  Numa = 26,
  Fork = 64,  // not a step of the child: PID 1 could not make one
};

[[nodiscard]] const char* child_step_name(ChildStep step) noexcept;

// What goes through the report pipe, one write each (12 bytes are atomic). Exec with error 0: execve comes
// next, the parent may close the passed fds and its own copy of the pipe, and EOF then means that the program
// runs. Error > 0: failed, the child exits 127 when the program was not found, 126 otherwise.
struct ChildReport {
  std::uint32_t step = 0;
  std::int32_t error = 0;
  std::uint32_t detail =
      0;  // Limits: the resource; Stdio: the stream; PassedFds: the index; Capabilities: which
};

// All that the child keeps of its parent's table beyond 0, 1 and 2. With shares_table the parent holds what
// is not for the child at higher numbers than these: that is never copied.
struct ChildContext {
  int report_fd = -1;  // write end, O_CLOEXEC; a child whose report nobody can read dies of SIGPIPE
  std::span<const int> passed_fds;  // numbers in the parent's table; at most kMaxPassedFds count
  int cgroup_procs_fd = -1;      // where to write "0" when the child must join by itself; -1 = nothing to do
  bool shares_table = false;     // cloned with CLONE_FILES: unshare first
  bool signals_default = false;  // cloned with CLONE_CLEAR_SIGHAND by a parent that ignores nothing
  bool keeps_fds = false;        // the child gets whatever is open in its table and not close-on-exec
  // The caller is no child but is itself replaced: its fds are not closed but get close-on-exec, and it lives
  // on when a step fails.
  bool in_place = false;
  int parent_pid = 0;  // with a parent-death signal: whose death counts, even one before it was asked for
  int (*pre_exec)(void*) noexcept = nullptr;  // gives 0 or an errno
  void* pre_exec_argument = nullptr;
  ChildReport* report = nullptr;  // in memory that the parent shares: the last thing said stands there, too
};

// Returns only when a step has failed: which one, and why. plan as for run_child_steps().
[[nodiscard]] ChildReport take_child_steps(std::span<std::byte> plan, const ChildContext& context) noexcept;

// Never returns: execve or _exit. plan must be well-formed, writable, and the caller's own copy: offsets in
// its tables are turned into pointers in place.
[[noreturn]] void run_child_steps(std::span<std::byte> plan, const ChildContext& context) noexcept;

// execve(2), with a search_path in each of its directories; nullptr = the program is a path. argv and envp
// are tables of pointers. Gives why it could not be done.
[[nodiscard]] int execute(const char* program, const char* search_path, const std::byte* argv,
                          const std::byte* envp) noexcept;

}  // namespace init::process
