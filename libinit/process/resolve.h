// From what a Command was told to a plan that needs no more looking up. Private to this room.
#pragma once
#include <array>
#include <cstddef>
#include <vector>

#include "libinit/base/result.h"
#include "libinit/base/unique_fd.h"
#include "libinit/process/command.h"

namespace init::process {

enum class LaunchMode : std::uint8_t { Spawn, Output, Replace };

struct Resolved {
  PlanInput input;
  std::vector<std::byte> plan;          // input, encoded
  std::vector<int> passed;              // what the plan's indices mean; not all are ours
  std::array<UniqueFd, 3> parent_ends;  // of pipes, by stream
  std::vector<UniqueFd> held;           // ours, until the child has them
  UniqueFd cgroup_procs;
};

// Errors: ENOENT with a user, group or file that is not there; EINVAL with the setter that was given
// nonsense; what encode_plan(), pipe(2) and open(2) say.
[[nodiscard]] Result<Resolved> resolve(const CommandSettings& settings, LaunchMode mode);

// The environment alone, as "NAME=value".
[[nodiscard]] Result<std::vector<std::string>> resolve_environment(const CommandSettings& settings);

}  // namespace init::process
