// One process of a unit, read from /proc by initctl itself: what a service does to its own entry there can
// hold up who asks, never the manager, and the kernel's rules say what this user may see.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "ctl/text.h"
#include "libinit/api/types.h"
#include "libinit/process_info/process_info.h"

namespace init::ctl {

// What this user may not see, or the process does not have, is absent; denied names what he may not see.
struct Inspection {
  Inspection(process_info::Pid number, bool is_main) : pid(number), main(is_main) {}

  process_info::Pid pid;
  bool main;
  std::int64_t running_for_us = 0;
  process_info::Stat stat;
  process_info::Status status;
  process_info::Limits limits{};
  std::vector<process_info::Cgroup> cgroups;
  std::int32_t oom_score_adjust = 0;
  std::vector<std::string> arguments;
  std::optional<std::string> program, working_directory, root_directory;
  std::optional<std::vector<process_info::Pid>> children;
  std::optional<std::vector<process_info::Descriptor>> descriptors;
  std::optional<std::vector<process_info::Mapping>> maps;
  std::vector<std::string> denied;
};

// As the manager named it. Arguments are left out where the manager did not tell the command. Errors: those
// of process_info.h; ESRCH: it has ended, or is not to be seen from this PID namespace.
[[nodiscard]] Result<Inspection> inspect_process(const api::Process& process, bool main);

struct UnitInspection {
  std::string unit;
  std::vector<Inspection> processes;
  bool with_maps = false;  // each mapping, not only the totals
};
// One line of JSON, ended by a line break.
[[nodiscard]] std::string to_json(const UnitInspection& inspection);
[[nodiscard]] std::string render_inspection(const Style& style, const UnitInspection& inspection);

}  // namespace init::ctl
