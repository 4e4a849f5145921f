// The environment of the command: initd's own, with what the options change in it.
#pragma once
#include "daemon/one_command/options.h"

namespace init::one_command {

struct Environment {
  const char** variables = nullptr;  // as environ; nullptr where there is no memory
  // Where a command without '/' is looked for.
  const char* search_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
};

// inherited: as environ. home: a variable of the identity's, or "". A LISTEN_PID that means initd shall mean
// the command (sd_listen_fds(3)). What the options say about a variable counts more than all of these.
[[nodiscard]] Environment make_environment(const char* const* inherited, const char* home,
                                           Changes changes) noexcept;
// The command's number, which the child is the first to know. Its memory must be initd's.
void write_listen_pid(long pid) noexcept;

}  // namespace init::one_command
