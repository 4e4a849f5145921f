// The control group of a unit as a set of files (cgroup-v2.rst of Linux): what [resources] writes into them,
// and what they tell of its use.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "libinit/base/result.h"
#include "libinit/unit/config.h"

namespace init::manager {

struct CgroupSetting {
  std::string key;         // of [resources], "memory-max"
  std::string controller;  // "memory"
  std::string file;        // "memory.max"
  std::string value;
};

// machine_memory: what percentages are of, bytes.
[[nodiscard]] std::vector<CgroupSetting> cgroup_settings(const unit::Resources& resources,
                                                         std::uint64_t machine_memory);
[[nodiscard]] std::uint64_t machine_memory();

// `group` here and below: the path of a unit's leaf, or of a slice, in the directory `units`.

// Asks for a controller in what lies beside the group, where the kernel and whoever is above allow it.
void enable_controller(int units, const std::string& group, const std::string& controller);

// Gives the keys whose controller is not there: what they
// ask for is not in force. Errors: step = the key, object = the file and value that the kernel refused.
Result<std::vector<std::string>> apply_settings(int units, const std::string& group,
                                                const std::vector<CgroupSetting>& settings);
// For a group that outlives a change of them: what is not among them is as in a new group.
void reset_others(int units, const std::string& group, const std::vector<CgroupSetting>& settings);

// The group is there, and this file is not in it.
[[nodiscard]] bool lacks_file(int units, const std::string& group, const std::string& file);

// The leaf and the files by which its owner moves processes and hands on controllers.
Result<> delegate_group(int units, const std::string& group, uid_t uid, gid_t gid);

// What the kernel tells; absent = it does not. Bytes, microseconds.
struct Usage {
  std::optional<std::uint64_t> memory, memory_peak, memory_max, swap, tasks, tasks_max, cpu_us, io_read,
      io_written;
  std::uint64_t oom_kills = 0;
};
[[nodiscard]] Usage read_usage(int units, const std::string& group);
// The number of processes that the kernel killed there for want of memory.
[[nodiscard]] std::uint64_t oom_kills(int units, const std::string& group);

}  // namespace init::manager
