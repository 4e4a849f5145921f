// From a unit's words to an exec plan: users, environment, paths and limits are resolved here, at each start,
// so that PID 1 and the child need no name and no file of ours.
#pragma once
#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "daemon/manager/app/hook_variables.h"
#include "daemon/manager/app/options.h"
#include "daemon/manager/app/preparation.h"
#include "libinit/base/result.h"
#include "libinit/base/unique_fd.h"
#include "libinit/core/action.h"
#include "libinit/process/exec_plan.h"
#include "libinit/unit/config.h"

namespace init::manager {

struct LaunchRequest {
  core::Role role = core::Role::Main;
  std::uint16_t step = 0;
  std::string invocation_id;  // 32 hexadecimal digits
  Variables environment;      // what else initd sets
  std::vector<process::PassedFdPlan> passed;
  std::uint32_t given = 0;  // descriptors that come along with the request
  bool listen_pid = false;
  bool watchdog_pid = false;
  const unit::Probe* probe = nullptr;  // a probe of the unit, in place of the role's step
  // Of stdin, stdout and stderr, where they are pipes of initd's: which of the passed descriptors. A log
  // without one is a plain file.
  std::array<std::optional<std::uint32_t>, 3> pipes{};
  std::optional<std::uint32_t> await_end;  // which of the passed descriptors (exec plan)
};

// A plan and the descriptors of its own: entry n is the plan's passed fd first + n, after those that came
// along with the request.
struct Launch {
  std::vector<std::byte> plan;
  std::vector<UniqueFd> passed;
  std::uint32_t first = 0;
  uid_t uid = 0;  // the service's own, whoever takes this step
  gid_t gid = 0;

  // The number under which the plan knows it.
  std::uint32_t pass(UniqueFd fd) {
    passed.push_back(std::move(fd));
    return first + static_cast<std::uint32_t>(passed.size() - 1);
  }
};

// The path that a unit's output goes to; empty when it is not a file.
[[nodiscard]] std::string output_path(const unit::Unit& unit, const unit::Output& output,
                                      const Options& options);

// Errors name the key as the step and its value as the object. Does nothing that could block.
[[nodiscard]] Result<Launch> make_launch_plan(const unit::Unit& unit, const LaunchRequest& request,
                                              const Prepared& prepared, const Options& options);

// The user that a plan's process will be.
[[nodiscard]] uid_t plan_user(std::span<const std::byte> plan);

}  // namespace init::manager
