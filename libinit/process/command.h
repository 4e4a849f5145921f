// Command: a program with all that it is started with, built step by step; Child: what comes of it.
//
//   auto out = Command("grep").arg("-c").arg("x").standard_input(Stdio::data("x\ny\n")).output();
//
// What is not said stays as the caller has it: environment, working directory, identity, umask, limits,
// priorities, session. Said for it always: stdin is /dev/null, stdout and stderr are the caller's, no other
// descriptor is open, every signal has its default action and none is blocked. A bare name is looked for in
// the PATH that the program gets itself, "/bin:/usr/bin" when it gets none; a name with a slash is a path,
// seen from the program's root and working directory. docs/process.md has the order in which all this is
// done.
//
// A Command may be spawned any number of times, from any thread. Descriptors it names are borrowed. Nothing
// is checked before spawn(), output(), status() or exec(), whose errors say what is wrong: the step as in
// child_step_name() or the name of the setter, and the object (path, user, descriptor).
#pragma once
#include <sys/types.h>

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "libinit/base/result.h"
#include "libinit/process/child.h"
#include "libinit/process/exec_plan.h"
#include "libinit/process/stdio.h"

namespace init::process {

// What a Command has been told. plan holds what needs no looking up; the rest is resolved at each spawn.
struct CommandSettings {
  struct Variable {
    enum class Change : std::uint8_t { Set, Remove, Clear, File };
    Change change;
    std::string name;  // or the path of a file
    std::string value;
  };
  struct PassedFd {
    int source;
    int target;
    std::string name;
  };

  PlanInput plan;
  std::vector<Variable> environment;  // in the order of the calls
  std::string user, group;            // names or numbers
  std::optional<std::vector<std::string>> groups;
  std::array<std::optional<Stdio>, 3> stdio;
  std::vector<PassedFd> passed;
  std::string cgroup;
  std::function<int()> pre_exec;
  std::string invalid;  // the setter that was given what cannot be kept
};

enum class IoClass : std::uint8_t { RealTime = 1, BestEffort = 2, Idle = 3 };

class Command {
 public:
  explicit Command(std::string program);

  // ---- Arguments: just these bytes; no shell, no splitting.
  Command& arg(std::string argument);
  Command& argf(const char* format, ...) __attribute__((format(printf, 2, 3)));  // one, as printf(3)
  Command& args(std::vector<std::string> arguments);                             // added
  Command& argv0(std::string name);  // instead of the program's own name

  // ---- Environment: starts as the caller's; each call changes what those before it have left, so the last
  // word on a name wins. Files are read at the spawn (libinit/base/environment_file.h).
  Command& env(std::string name, std::string value);
  Command& envs(std::vector<std::pair<std::string, std::string>> variables);
  Command& env_file(std::string path);
  Command& env_remove(std::string name);
  Command& env_clear();

  // ---- Places
  Command& cwd(std::string path);
  Command& cwd_or_root(std::string path);  // "/" when it does not exist
  Command& root(std::string path);         // chroot(2); absolute
  Command& cgroup(std::string path);       // of a directory in a mounted cgroup file system
  Command& umask(mode_t mask);

  // ---- Identity, by name or number, from /etc/passwd and /etc/group (no NSS). user() brings the account's
  // group and supplementary groups along; group() and groups() have the last word on theirs. Root that only
  // says user number or uid() gives up its own supplementary groups as well.
  Command& user(std::string name_or_number);
  Command& group(std::string name_or_number);
  Command& groups(std::vector<std::string> names_or_numbers);
  Command& uid(uid_t uid) { return user(std::to_string(uid)); }
  Command& gid(gid_t gid) { return group(std::to_string(gid)); }

  // ---- Descriptors
  Command& standard_input(Stdio stdio);
  Command& standard_output(Stdio stdio);
  Command& standard_error(Stdio stdio);
  // target is 3 to 1023. With a name the program is told by LISTEN_FDS, LISTEN_FDNAMES and LISTEN_PID
  // (sd_listen_fds(3)); then the targets must be 3, 4, 5 and so on.
  Command& pass_fd(int source, int target, std::string name = {});

  // ---- Session and terminal
  Command& new_session();                     // setsid(2)
  Command& process_group(pid_t to_join = 0);  // setpgid(2); 0 = a new one
  Command& controlling_terminal();            // in a new session, that on stdin
  Command& foreground();                      // its process group on the terminal that stdin is

  // ---- Priorities, limits, privileges
  Command& nice(int value);                                              // -20 to 19
  Command& io_priority(IoClass io_class, int level = 0);                 // ioprio_set(2): 0 (first) to 7
  Command& scheduler(int policy, int priority = 0);                      // sched_setscheduler(2)
  Command& cpu_affinity(std::vector<std::uint32_t> cpus);                // numbers of CPUs
  Command& limit(int resource, std::uint64_t soft, std::uint64_t hard);  // setrlimit(2); RLIM64_INFINITY
  Command& oom_score_adjust(int value);                                  // -1000 to 1000
  Command& no_new_privileges();
  Command& bounding_capabilities(
      std::uint64_t set);  // capabilities(7): bit n is number n; all others are lost
  Command& ambient_capabilities(std::uint64_t set);  // kept over a change of user
  Command& securebits(std::uint32_t bits);
  Command& parent_death_signal(int signal);  // when the thread that spawns it ends

  // Runs in the child as the last step before exec, in a copy of this process with one thread: other threads'
  // locks may be held for ever. Only what signal-safety(7) allows; no allocation. Gives 0 or an errno, which
  // spawn() returns as the failure of the step "pre-exec".
  template <class Hook>
  Command& pre_exec(Hook hook) {
    static_assert(std::is_nothrow_invocable_r_v<int, Hook&>, "an int() noexcept");
    settings_.pre_exec = std::move(hook);
    return *this;
  }

  // ---- Running it
  // Returns when the program runs: whatever fails before that, fails here. Waits for the child's steps; a
  // directory on a dead network file system can hold them up.
  [[nodiscard]] Result<Child> spawn() const;
  [[nodiscard]] Result<ExitStatus> status(Duration timeout = kInfinity) const;
  // stdout and stderr are pipes if not said otherwise. See Child::wait_with_output().
  [[nodiscard]] Result<Output> output(Duration timeout = kInfinity) const;
  // Replaces the calling process; the streams are its own if not said otherwise. Returns only with an error.
  // By then some steps may have been taken: identity, limits and streams stay changed, other descriptors have
  // got close-on-exec, signals are as before. Not with Stdio::pipe().
  [[nodiscard]] Error exec() const;

  [[nodiscard]] const CommandSettings& settings() const { return settings_; }

 private:
  CommandSettings settings_;
};

// Each command's stdout is the next one's stdin; the first stdin and the last stdout are as their commands
// say. All or none: when one cannot be spawned, those before it are killed. The children in order.
[[nodiscard]] Result<std::vector<Child>> spawn_pipeline(std::vector<Command> commands);

}  // namespace init::process
