// The main process of a service that has put itself into the background. Nothing that the service says is
// believed: a PID file is a hint, and counts only where it names a living process of the unit.
#pragma once
#include <sys/types.h>

#include <string>

#include "daemon/manager/os/unit_processes.h"

namespace init::manager {

struct MainSearch {
  UnitProcess of;
  pid_t initd = 0;            // as the manager's parent; what was left behind is its child
  std::string pid_file;       // empty = none
  std::string invocation_id;  // of the unit, by which its processes are known where there are no cgroups
};

// What the PID file names, else the unit's only process, else the oldest of those that were left to initd. 0:
// there is none.
[[nodiscard]] pid_t find_main_process(const UnitProcesses& processes, const MainSearch& search);

// The number in a PID file: a small regular file that is no link, with a decimal number and white space. 0:
// it is none. Never blocks on a FIFO.
[[nodiscard]] pid_t read_pid_file(const std::string& path);

}  // namespace init::manager
