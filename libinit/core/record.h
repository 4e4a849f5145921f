// What of a unit and of a job must outlive the manager: fixed size, trivially copyable, versioned by size.
// The engine writes it, the manager's intents keep it, recovery reads it. Names are kept beside it as a
// 64-bit tag (fnv1a64 of the unit id).
#pragma once
#include <cstdint>
#include <type_traits>

#include "libinit/core/action.h"

namespace init::core {

// How the run that is now ending, or has ended, came to its end.
enum class End : std::uint8_t { None, Asked, Own, StartFailed };

// Bits of UnitRecord::flags.
inline constexpr std::uint8_t kByAdmin = 1;     // wanted because somebody asked
inline constexpr std::uint8_t kByBoot = 2;      // wanted because it is the boot target
inline constexpr std::uint8_t kDone = 4;        // oneshot: its last run succeeded
inline constexpr std::uint8_t kGroup = 8;       // something may be left in its cgroup
inline constexpr std::uint8_t kRerun = 16;      // a unit that it prepares waits for a run that has not begun
inline constexpr std::uint8_t kAnnounced = 32;  // on-failure units were started for this series of failures
inline constexpr std::uint8_t kTimedOut = 64;   // the start limit ran out

// This is also the engine's own state of a unit: what is not here is derived from the graph.
struct UnitRecord {
  std::uint64_t tag = 0;
  std::uint64_t cause = 0;             // tag of the unit that pulled it up or took it down; 0 = a request
  std::int64_t since_ns = 0;           // MonotonicTime of entering the state
  std::int64_t phase_deadline_ns = 0;  // timers that are armed; 0 = none
  std::int64_t restart_deadline_ns = 0;
  std::int64_t started_ns = 0;  // when the current or last main process began to run
  std::int64_t window_ns = 0;   // restart-limit: begin of the interval
  std::uint32_t attempt = 0;    // of the newest process
  std::uint32_t main_attempt =
      0;  // of the one process that matters (main, command or pre-start step); 0 = none lives
  std::uint32_t control_attempt = 0;  // of the reload step beside it; 0 = none lives
  std::uint32_t serial = 0;           // of the newest timer
  std::uint32_t phase_serial = 0;
  std::uint32_t restart_serial = 0;
  std::uint32_t restarts = 0;      // automatic ones since it was last started by request
  std::uint32_t window_count = 0;  // automatic ones since window_ns
  std::uint32_t admin_uid = 0;
  std::int32_t main_pid = 0;  // 0 = not known (yet)
  std::int32_t leader = 0;    // of the session that its processes are in; 0 = none of them may be left
  std::int32_t exit_value = 0;
  std::int32_t error = 0;        // errno of a failed spawn
  std::uint16_t error_step = 0;  // process::ChildStep of a failed spawn
  std::uint16_t step = 0;        // of command, pre-start or reload
  State state = State::Inactive;
  Goal goal = Goal::Idle;
  Reason reason = Reason::None;
  End end = End::None;
  Exit::Kind exit_kind = Exit::Kind::None;
  std::uint8_t stop_step = 0;
  std::uint8_t backoff = 0;         // consecutive quick ends
  std::uint8_t spawn_failures = 0;  // consecutive, for want of resources
  std::uint8_t flags = 0;
  Role error_role = Role::Main;  // whose spawn failed
  std::uint8_t reserved[2] = {};
};
static_assert(std::is_trivially_copyable_v<UnitRecord> && sizeof(UnitRecord) <= 128);

// Shutdown is kept as a job too: there is one with this verb from the request to the end.
enum class JobVerb : std::uint8_t { Start, Stop, Restart, TryRestart, Reload, ResetFailed, Shutdown };
enum class JobPhase : std::uint8_t {
  Pending,  // restart: must go down first; reload: the turn has not come
  Underway,
  Finished,  // outcome and cause stand; kept until the next event, so that a crash before the answer repeats
             // it
};

struct JobRecord {
  JobId job = 0;
  std::uint64_t unit = 0;   // tag; 0 for a shutdown
  std::uint64_t cause = 0;  // tag, once finished
  std::uint32_t uid = 0;
  JobVerb verb = JobVerb::Start;
  JobPhase phase = JobPhase::Underway;
  JobOutcome outcome = JobOutcome::Done;  // once finished
  PowerKind power = PowerKind::Exit;      // of a shutdown
};
static_assert(std::is_trivially_copyable_v<JobRecord> && sizeof(JobRecord) <= 64);

// What PID 1 knows of one process, for Engine::restore.
struct ProcessFact {
  enum class State : std::uint8_t { Spawning, Running, Exited, Failed };
  std::uint64_t tag = 0;
  Attempt attempt = 0;
  State state = State::Spawning;
  SpawnError failure = SpawnError::Setup;  // of Failed
  bool group_empty = false;                // the unit's cgroup is empty now (of Exited)
  std::uint16_t step = 0;                  // of Failed
  std::int32_t pid = 0;
  std::int32_t error = 0;  // of Failed
  Exit exit;               // of Exited
};

}  // namespace init::core
