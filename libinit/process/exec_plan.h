// The exec plan: all that a child does between fork and exec, as flat data. The manager resolves users,
// paths, environment and limits into one; PID 1 only checks that it is well-formed and hands it to the child
// steps. No pointers: offsets from the start of the plan, in bytes; 0 = absent. Little-endian, host layout,
// same machine.
#pragma once
#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "libinit/base/result.h"

namespace init::process {

inline constexpr std::uint32_t kPlanMagic = 0x4e4c5058;  // "XPLN"
inline constexpr std::uint16_t kPlanVersion = 3;
inline constexpr std::size_t kPlanMaxBytes = std::size_t{4}
                                             << 20;  // argv and environment of execve(2) are <= 2 MiB anyway
inline constexpr std::uint32_t kKeepId = 0xffffffffU;  // ids, group_count, umask: leave as they are
inline constexpr std::size_t kLimitCount = 16;         // RLIMIT_NLIMITS of Linux
inline constexpr std::size_t kMaxPassedFds = 128;
inline constexpr std::uint32_t kFirstPassedFd = 3;  // passed fds end up at numbers in [3, 1024)
inline constexpr std::uint32_t kPassedFdEnd = 1024;
// In place of a number: the fd is one of a pair of SOCK_SEQPACKET, and the program does not get it. The child
// writes a byte to it and goes on when whoever has the other end lets go of that.
inline constexpr std::uint32_t kAwaitEnd = 0;
inline constexpr std::uint32_t kMaxCpus = 8192;     // more than any kernel is built for
inline constexpr std::uint32_t kMaxGroups = 65536;  // NGROUPS_MAX of Linux
// Strings of the environment with room for any pid and the NUL that ends it.
inline constexpr char kListenPidSlot[] = "LISTEN_PID=           ";
inline constexpr char kWatchdogPidSlot[] = "WATCHDOG_PID=           ";

enum class StdioKind : std::uint8_t {
  Null,          // /dev/null
  Inherit,       // what the parent has on the same number
  Passed,        // the passed fd number `index`
  Append,        // open path O_APPEND|O_CREAT
  Truncate,      // open path O_TRUNC|O_CREAT
  Read,          // open path O_RDONLY
  Console,       // /dev/console, opened with O_NOCTTY
  SameAsStdout,  // stderr only: a duplicate of stdout
  Terminal       // open path O_RDWR
};

struct StdioPlan {
  StdioKind kind = StdioKind::Null;
  // Opened before the change of identity (a file in a directory of our own), else after it, so that a planted
  // link gives the service's user nothing it lacks.
  std::uint8_t before_identity = 0;
  std::uint16_t mode = 0640;  // of a file that is created
  std::uint32_t path = 0;
  std::uint32_t index = 0;
  std::uint32_t owner = kKeepId;  // of a file that is created; kKeepId = who creates it
  std::uint32_t group = kKeepId;
};

struct LimitPlan {
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;  // RLIM64_INFINITY = ~0
};

struct PassedFdPlan {
  std::uint32_t index = 0;   // which of the fds that came with the spawn request
  std::uint32_t target = 0;  // its number in the child, >= 3, or kAwaitEnd
};

enum PlanFlags : std::uint32_t {
  kPlanNewSession = 1U << 0,       // setsid(2)
  kPlanNoNewPrivileges = 1U << 1,  // prctl(PR_SET_NO_NEW_PRIVS)
  kPlanSetNice = 1U << 2,
  kPlanSetOomScoreAdjust = 1U << 3,
  kPlanControllingTty = 1U << 4,  // TIOCSCTTY on stdin, after setsid
  kPlanSetProcessGroup = 1U << 5,
  kPlanForeground = 1U << 6,        // its process group becomes the foreground one of the terminal on stdin
  kPlanDirectoryMayMiss = 1U << 7,  // then the working directory is /
  kPlanSetScheduler = 1U << 8,
  kPlanSetIoPriority = 1U << 9,
  kPlanSetSecurebits = 1U << 10,
  kPlanSetBounding = 1U << 11,
  kPlanSetAmbient = 1U << 12,
  kPlanSetNuma = 1U << 13,
};

struct ExecPlanHeader {
  std::uint32_t magic = kPlanMagic;
  std::uint16_t version = kPlanVersion;
  std::uint16_t header_size = 0;
  std::uint32_t size = 0;  // of the whole plan, bytes
  std::uint32_t flags = 0;
  std::uint32_t program = 0;  // string
  // string: directories separated by colons, in which a program without '/' is looked for. 0 = nowhere
  std::uint32_t search_path = 0;
  std::uint32_t argv =
      0;  // 8-aligned table of argc + 1 u64: string offsets, then 0; the child turns it into pointers
  std::uint32_t argc = 0;
  std::uint32_t envp = 0;  // the same
  std::uint32_t envc = 0;
  std::uint32_t working_directory = 0;
  std::uint32_t root_directory = 0;
  std::uint32_t umask = 022;
  std::uint32_t uid = kKeepId;
  std::uint32_t gid = kKeepId;
  std::uint32_t groups = 0;  // 4-aligned table of gid_t
  std::uint32_t group_count = kKeepId;
  std::int32_t nice = 0;
  std::int32_t oom_score_adjust = 0;
  std::uint32_t limit_mask = 0;  // bit r: limits[r] is set
  std::uint32_t passed = 0;      // 4-aligned table of PassedFdPlan
  std::uint32_t passed_count = 0;
  // kListenPidSlot in the environment, where the child writes its pid left-aligned and a NUL. 0 = none.
  std::uint32_t listen_pid = 0;
  std::int32_t process_group = 0;  // to join; 0 = a new one
  std::int32_t scheduler = 0;      // SCHED_OTHER and so on
  std::int32_t scheduler_priority = 0;
  std::int32_t io_priority = 0;  // as ioprio_set(2) takes it
  std::uint32_t cpus = 0;        // mask of cpus_size bytes, as sched_setaffinity(2) takes it; 0 = keep
  std::uint32_t cpus_size = 0;
  std::int32_t parent_death_signal = 0;  // 0 = none
  std::uint32_t securebits = 0;
  std::array<StdioPlan, 3> stdio{};
  std::int32_t numa_policy = 0;    // as set_mempolicy(2) takes it, for numa_nodes
  std::uint32_t watchdog_pid = 0;  // kWatchdogPidSlot, like listen_pid
  std::uint64_t numa_nodes = 0;    // bit n is node n
  std::uint64_t bounding = 0;      // sets of capabilities: bit n is capability n
  std::uint64_t ambient = 0;
  std::array<LimitPlan, kLimitCount> limits{};
};

// What a plan is made of, before it is encoded. Owned strings; used by the manager and by Command, never by
// PID 1.
struct PlanInput {
  std::string program;                     // a path, or a bare name when there is a search_path
  std::optional<std::string> search_path;  // directories separated by colons
  std::vector<std::string> arguments;      // argv[0] included
  std::vector<std::string> environment;    // "NAME=value"
  std::string working_directory;
  std::string root_directory;
  std::optional<std::uint32_t> umask = 022;
  std::optional<uid_t> uid;
  std::optional<gid_t> gid;
  std::optional<std::vector<gid_t>> groups;
  std::optional<int> nice;
  std::optional<int> oom_score_adjust;
  struct Scheduler {
    int policy = 0;
    int priority = 0;
  };
  std::optional<Scheduler> scheduler;
  std::optional<int> io_priority;
  std::vector<std::uint32_t> cpus;  // their numbers; none = all that the parent may use
  struct Numa {
    int policy = 0;  // MPOL_* of set_mempolicy(2)
    std::uint64_t nodes = 0;
  };
  std::optional<Numa> numa;
  int parent_death_signal = 0;              // sent when the thread that made the child ends
  std::optional<std::uint64_t> bounding;    // all that the program can ever have
  std::optional<std::uint64_t> ambient;     // what it has even as another user
  std::optional<std::uint32_t> securebits;  // capabilities(7)
  std::array<std::optional<LimitPlan>, kLimitCount> limits{};
  struct Stdio {
    StdioKind kind = StdioKind::Null;
    std::string path;
    bool before_identity = false;
    std::uint16_t mode = 0640;
    std::uint32_t index = 0;
    std::uint32_t owner = kKeepId;
    std::uint32_t group = kKeepId;
  };
  std::array<Stdio, 3> stdio{};
  std::vector<PassedFdPlan> passed;
  std::optional<std::uint32_t> await_end;  // of which passed fd, before the exec: see kAwaitEnd
  bool new_session = true;
  std::optional<pid_t> process_group;  // to join, 0 = a new one; only in the parent's session
  bool no_new_privileges = false;
  bool controlling_tty = false;
  bool foreground = false;
  bool working_directory_may_miss = false;
  bool listen_pid = false;  // append a LISTEN_PID slot to the environment
  bool watchdog_pid = false;
};

// Errors: EINVAL with the member's name as object ("program", "stdio[1]": embedded NUL, empty argv, relative
// root, target that is taken or out of range), E2BIG.
[[nodiscard]] Result<std::vector<std::byte>> encode_plan(const PlanInput& input);

// True when every offset, table and string of the plan lies inside it. Reads only; no allocation. Whatever
// passes here cannot make the child steps touch memory outside the plan.
[[nodiscard]] bool plan_is_well_formed(std::span<const std::byte> plan) noexcept;

}  // namespace init::process
