// From a unit's words to an exec plan: users, environment, paths and limits are resolved here, at each start,
// so that PID 1 and the child need no name and no file of ours.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "daemon/manager/app/options.h"
#include "libinit/base/result.h"
#include "libinit/core/action.h"
#include "libinit/process/exec_plan.h"
#include "libinit/unit/config.h"

namespace init::manager {

struct LaunchRequest {
  core::Role role = core::Role::Main;
  std::uint16_t step = 0;
  std::string invocation_id;  // 32 hexadecimal digits
  std::int32_t main_pid = 0;  // for reload steps: MAINPID
};

// The path that a unit's output goes to; empty when it is not a file.
[[nodiscard]] std::string output_path(const unit::Unit& unit, const unit::Output& output,
                                      const Options& options);

// Errors name the key ("user", "environment-files") as the step and its value as the object. Makes the unit's
// [directories].
Result<std::vector<std::byte>> make_launch_plan(const unit::Unit& unit, const LaunchRequest& request,
                                                const Options& options);

}  // namespace init::manager
