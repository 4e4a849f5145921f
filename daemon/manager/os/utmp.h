// The records of utmp(5), which say who is at which terminal, as an init keeps them: one for each process
// that may let people log in, found by its id and overwritten in its place; wtmp is the history of all. Both
// files are locked as everybody does, so whoever calls this may have to wait for as long as somebody likes. A
// file that is not there, or cannot be written, goes without.
#pragma once
#include <sys/types.h>

#include <string>
#include <utility>

#include "libinit/base/result.h"
#include "libinit/base/unique_fd.h"

namespace init::manager {

struct LoginFiles {
  std::string utmp = "/run/utmp";
  std::string wtmp = "/var/log/wtmp";
};

// INIT_PROCESS. Of an id that is too long (4 bytes) the end counts. terminal: a path.
void record_init_process(const LoginFiles& files, pid_t pid, const std::string& id,
                         const std::string& terminal);
// DEAD_PROCESS, where there is a record of this process, or of another in the session that it led: login(1)
// puts down the shell that it started.
void record_dead_process(const LoginFiles& files, pid_t pid);

// For a child that says who it is, and waits to be let go of (exec plan, kAwaitEnd): our end and its own.
[[nodiscard]] Result<std::pair<UniqueFd, UniqueFd>> make_greeting_pair();
// The child's pid, by the kernel's word; 0 when it has ended instead. Blocks.
[[nodiscard]] pid_t await_greeting(int our_end);

}  // namespace init::manager
