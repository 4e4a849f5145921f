// The command itself: from the options to a running program.
#pragma once
#include <sys/types.h>

#include <span>

#include "daemon/one_command/options.h"
#include "daemon/one_command/terminal.h"
#include "libinit/base/unique_fd.h"

namespace init::one_command {

inline constexpr int kCannotRun = 126;  // exit codes as shells have them: there is no such command is 127

struct Command {
  pid_t pid = 0;
  UniqueFd end;  // its pidfd; none where the kernel has none
};

// The command, which leads a process group of its own, in the foreground of the terminal if initd was. Where
// it cannot be run, why is written to standard error and this process ends with 126 or 127.
[[nodiscard]] Command start_command(std::span<char* const> words, const Options& options,
                                    Terminal& terminal) noexcept;

}  // namespace init::one_command
