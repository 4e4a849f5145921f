// What a service's processes run in: how they are scheduled, what they may, their terminal, their secrets and
// what the kernel grants them. Plain data, a part of ServiceConfig.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace init::unit {

enum class IoClass : std::uint8_t { Realtime, BestEffort, Idle };
enum class CpuPolicy : std::uint8_t { Other, Fifo, RoundRobin, Batch, Idle };
enum class NumaPolicy : std::uint8_t {
  Default,
  Preferred,
  Bind,
  Interleave,
  Local
};  // MPOL_* in their order

struct Scheduling {
  std::optional<IoClass> io_class;
  std::optional<std::int32_t> io_priority;  // 0 (first) to 7
  std::optional<CpuPolicy> cpu_policy;
  std::optional<std::int32_t> cpu_priority;  // 1 to 99, of the real-time policies
  std::vector<std::uint32_t> cpu_affinity;
  std::optional<NumaPolicy> numa_policy;
  std::vector<std::uint32_t> numa_nodes;  // each below kNumaNodes
  bool operator==(const Scheduling&) const = default;
};
inline constexpr std::uint32_t kNumaNodes = 64;

// Sets of capabilities(7): bit n is capability n.
struct Privileges {
  std::optional<std::uint64_t> capabilities;  // all that it can ever have
  std::optional<std::uint64_t> ambient;
  std::optional<std::uint32_t> securebits;
  std::int32_t parent_death_signal = 0;  // 0 = none
  bool operator==(const Privileges&) const = default;
};

struct Terminal {
  std::string path = "/dev/console";
  bool reset = false;
  bool hangup = false;
  bool disallocate = false;
  std::string utmp_id{};  // empty = no entry
  bool operator==(const Terminal&) const = default;
};

struct Credential {
  std::string name;
  std::string path;
  bool operator==(const Credential&) const = default;
};

// Bytes, or a share of the machine's memory; kUnlimited bytes = no limit.
struct Memory {
  std::uint64_t amount = 0;
  bool percent = false;
  bool operator==(const Memory&) const = default;
};

enum class OomPolicy : std::uint8_t { Continue, Kill, Stop };

// Of its control group; absent = as the kernel has it.
struct Resources {
  std::optional<Memory> memory_max, memory_high, memory_low, memory_min, swap_max;
  std::optional<std::uint32_t> cpu_weight, io_weight;  // 1 to 10,000; the kernel's own is 100
  std::optional<std::uint32_t> cpu_quota;              // percent of one CPU
  std::optional<std::uint64_t> tasks_max;
  std::vector<std::uint32_t> cpus;
  bool delegate = false;
  OomPolicy oom_policy = OomPolicy::Continue;
  std::string slice{};  // an id; empty = directly below all units
  bool operator==(const Resources&) const = default;
};

struct ContextConfig {
  Scheduling scheduling;
  Privileges privileges;
  Terminal tty;
  std::vector<Credential> credentials;
  Resources resources;
  bool operator==(const ContextConfig&) const = default;
};

}  // namespace init::unit
