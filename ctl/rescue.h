// PID 1's own socket, on which it answers when no manager can run (daemon/pid1/alone.h).
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "libinit/base/result.h"
#include "libinit/base/time.h"

namespace init::ctl {

// The lines of the answer; the last is "ok" or begins with "error". Errors: those of connect(2); ETIMEDOUT:
// PID 1 does not listen, because a manager runs.
[[nodiscard]] Result<std::vector<std::string>> ask_pid1(const std::string& runtime, std::string_view words,
                                                        Duration patience);

}  // namespace init::ctl
