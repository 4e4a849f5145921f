// The texts of /proc/PID, understood. Pure. Errors: EBADMSG, with what was not understood as the object; a
// text of a kernel that has more to tell is none.
#pragma once
#include <string_view>
#include <vector>

#include "libinit/base/result.h"
#include "libinit/process_info/values.h"

namespace init::process_info {

[[nodiscard]] Result<Stat> parse_stat(std::string_view text);
[[nodiscard]] Result<Status> parse_status(std::string_view text);
[[nodiscard]] Result<Limits> parse_limits(std::string_view text);
[[nodiscard]] Result<std::vector<Cgroup>> parse_cgroups(std::string_view text);
// A command line: each argument ends with a NUL, the last one may lack it.
[[nodiscard]] std::vector<std::string> parse_arguments(std::string_view text);
// Numbers between blanks.
[[nodiscard]] Result<std::vector<Pid>> parse_pids(std::string_view text);

}  // namespace init::process_info
