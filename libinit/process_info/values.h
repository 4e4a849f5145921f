// What /proc tells of a process, as values. Sizes are bytes. Strings hold what the process or a file name
// chose: any bytes, to be made harmless before they are shown.
#pragma once
#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "libinit/base/time.h"
#include "libinit/process/pid.h"

namespace init::process_info {

using process::Pid;

// Bit n - 1 is signal n.
struct SignalSet {
  std::uint64_t bits = 0;
  [[nodiscard]] bool has(int signal) const { return signal > 0 && ((bits >> (signal - 1)) & 1U) != 0; }
  [[nodiscard]] std::vector<std::string> names() const;  // "TERM", "RTMIN+3"
  friend bool operator==(const SignalSet&, const SignalSet&) = default;
};

// Bit n is capability n.
struct CapabilitySet {
  std::uint64_t bits = 0;
  [[nodiscard]] bool has(int capability) const { return ((bits >> capability) & 1U) != 0; }
  [[nodiscard]] std::vector<std::string> names() const;  // "NET_BIND_SERVICE"
  friend bool operator==(const CapabilitySet&, const CapabilitySet&) = default;
};

// proc_pid_stat(5): its place among others, and how it is scheduled.
struct Stat {
  std::string name;  // at most 15 bytes of anything, for kernel threads more
  char state =
      '?';  // R running, S sleeping, D waiting for a device, T stopped, t traced, Z zombie, X dead, I idle
  std::optional<Pid> parent;  // none: it lives outside of this PID namespace
  std::int32_t group = 0;     // these two are 0 when they come from outside of this PID namespace
  std::int32_t session = 0;
  std::int32_t terminal = 0;  // device number of the controlling terminal; 0 = none
  Duration user_time{};
  Duration system_time{};
  std::int32_t nice = 0;
  std::int32_t threads = 0;
  std::uint64_t start_ticks =
      0;  // clock ticks from boot to its start: with the pid, a name that is never used twice
  std::int32_t processor = 0;  // the one it ran on last
  std::int32_t real_time_priority = 0;
  std::int32_t policy = 0;  // SCHED_* of sched(7)
};

struct Ids {
  std::uint32_t real = 0;
  std::uint32_t effective = 0;
  std::uint32_t saved = 0;
  std::uint32_t file_system = 0;
  friend bool operator==(const Ids&, const Ids&) = default;
};

// credentials(7), capabilities(7)
struct Credentials {
  Ids uid;
  Ids gid;
  std::vector<std::uint32_t> groups;
  CapabilitySet inheritable, permitted, effective, bounding, ambient;
  bool no_new_privileges = false;
  std::int32_t seccomp = 0;  // 0 none, 1 strict, 2 filter
};

// signal(7)
struct Signals {
  SignalSet pending;         // for the whole process
  SignalSet thread_pending;  // for its main thread
  SignalSet blocked;         // by its main thread
  SignalSet ignored;
  SignalSet caught;
  std::uint64_t queued = 0;  // of all processes of this user
  std::uint64_t queue_limit = 0;
};

struct Memory {
  std::uint64_t size = 0;  // of the address space
  std::uint64_t peak = 0;
  std::uint64_t resident = 0;
  std::uint64_t swapped = 0;
  std::uint64_t locked = 0;
};

// proc_pid_status(5)
struct Status {
  std::optional<Pid> tracer;
  std::optional<std::uint32_t> umask;  // a zombie has none
  Credentials credentials;
  Signals signals;
  std::optional<Memory> memory;  // zombies and kernel threads have none
  std::string processors;        // that it may run on: "0-3,6"
};

// RLIM_INFINITY of getrlimit(2) stands for "unlimited".
struct Limit {
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;
  friend bool operator==(const Limit&, const Limit&) = default;
};
inline constexpr std::size_t kLimits = 16;  // indexed by RLIMIT_* of Linux
using Limits = std::array<Limit, kLimits>;

struct Descriptor {
  std::int32_t number = 0;
  std::string target;  // "/dev/null", "socket:[4711]"
  std::uint64_t position = 0;
  std::uint32_t flags = 0;  // O_* of open(2); O_CLOEXEC is among them
};

// One line of proc_pid_cgroup(5); version 2 has hierarchy 0 and no controllers.
struct Cgroup {
  std::int32_t hierarchy = 0;
  std::string controllers;
  std::string path;
};

}  // namespace init::process_info
