// Who has sent a datagram: the unit whose control group the sender is in, or was in when it ended. By the
// kernel's word alone.
#pragma once
#include <sys/types.h>

#include <string>
#include <string_view>

#include "libinit/base/unique_fd.h"

namespace init::logger {

class Senders {
 public:
  Senders() = default;  // without control groups nobody's unit is known
  // prefix: of a unit's name in /proc/PID/cgroup. directory: that of the units' control groups.
  Senders(std::string prefix, UniqueFd directory);

  // pid: 0 = of another PID namespace. pidfd: of the same process, -1 where the kernel gives none (before
  // Linux 6.5). Empty: of no unit, or it ended before anybody could look (an end is known since Linux 6.16).
  [[nodiscard]] std::string unit_of(pid_t pid, int pidfd) const;

 private:
  [[nodiscard]] std::string path_of_ended(int pidfd) const;

  std::string prefix_, place_;
  UniqueFd directory_;
};

}  // namespace init::logger
