// What of a unit and of a job must outlive the manager: fixed size, trivially copyable, versioned by size.
// The engine writes it, the manager's intents keep it, recovery reads it. Names are kept beside it as a
// 64-bit tag (fnv1a64 of the unit id).
#pragma once
#include <array>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "libinit/core/action.h"

namespace init::core {

// How the run that is now ending, or has ended, came to its end.
enum class End : std::uint8_t { None, Asked, Own, StartFailed };

// Bits of UnitRecord::flags.
inline constexpr std::uint16_t kByAdmin = 1;     // wanted because somebody asked
inline constexpr std::uint16_t kByBoot = 2;      // wanted because it is the boot target
inline constexpr std::uint16_t kDone = 4;        // oneshot: its last run succeeded
inline constexpr std::uint16_t kGroup = 8;       // something may be left in its cgroup
inline constexpr std::uint16_t kRerun = 16;      // a unit that it prepares waits for a run that has not begun
inline constexpr std::uint16_t kAnnounced = 32;  // on-failure units were started for this series of failures
inline constexpr std::uint16_t kCameUp = 64;     // in this run
inline constexpr std::uint16_t kBegan = 128;     // a step of this run was spawned: post-stop will have to run
inline constexpr std::uint16_t kFound = 256;     // the main process is not the one that was spawned
inline constexpr std::uint16_t kTold = 512;      // ready, by its own word or its bus name, before it was time
inline constexpr std::uint16_t kReloading = 1024;  // it said RELOADING and not yet READY
inline constexpr std::uint16_t kSkipped = 2048;    // a condition command said no the last time

// What the main process was started to tell once it is ready. A reload changes that for the next one only.
enum class Word : std::uint8_t {
  None,    // exec is all
  Ready,   // READY=1, or a line on its ready-fd
  Forked,  // the end of the first process
  Name,    // its name on the bus
};

// This is also the engine's own state of a unit: what is not here is derived from the graph.
struct UnitRecord {
  std::uint64_t tag = 0;
  std::uint64_t cause = 0;       // tag of the unit that pulled it up or took it down; 0 = a request
  std::uint64_t request = 0;     // JobId of the last restart: after a crash it may be told once more
  std::int64_t since_ns = 0;     // MonotonicTime of entering the state
  std::int64_t started_ns = 0;   // when the current or last main process began to run
  std::int64_t window_ns = 0;    // restart-limit: begin of the interval
  std::int64_t well_ns = 0;      // the last good answer to a health probe, or when it came up
  std::int64_t watchdog_ns = 0;  // WATCHDOG_USEC; 0 = as the unit file says
  std::array<std::int64_t, kTimerKinds> deadline_ns{};  // timers that are armed, by TimerKind; 0 = none
  std::array<std::uint32_t, kTimerKinds> timer_serial{};
  std::uint32_t probe_serial = 0;  // of the question that is not answered yet; 0 = none
  std::uint32_t attempt = 0;       // of the newest process
  std::uint32_t main_attempt =
      0;  // of the one process that matters (main, command, condition or pre-start step); 0 = none lives
  std::uint32_t control_attempt = 0;  // of the step beside or after it (reload, stop, ...); 0 = none lives
  std::uint32_t serial = 0;           // of the newest timer or question
  std::uint32_t restarts = 0;         // automatic ones since it was last started by request
  std::uint32_t window_count = 0;     // automatic ones since window_ns
  std::uint32_t admin_uid = 0;
  std::int32_t main_pid = 0;  // 0 = not known (yet)
  std::int32_t leader = 0;    // of the session that its processes are in; 0 = none of them may be left
  std::int32_t exit_value = 0;
  std::int32_t error = 0;        // errno of a failed spawn
  std::uint16_t error_step = 0;  // process::ChildStep of a failed spawn
  std::uint16_t step = 0;        // of the steps that the state runs
  std::uint16_t flags = 0;
  std::uint16_t probe_failures = 0;  // bad answers in a row
  State state = State::Inactive;
  Goal goal = Goal::Idle;
  Reason reason = Reason::None;
  End end = End::None;
  Exit::Kind exit_kind = Exit::Kind::None;
  std::uint8_t stop_step = 0;
  std::uint8_t backoff = 0;         // consecutive quick ends
  std::uint8_t spawn_failures = 0;  // consecutive, for want of resources
  Role error_role = Role::Main;     // whose spawn failed
  Word word = Word::None;
  std::uint8_t reserved[2] = {};
};
static_assert(std::is_trivially_copyable_v<UnitRecord> && sizeof(UnitRecord) <= 192);
static_assert(std::has_unique_object_representations_v<UnitRecord>);  // records are compared as bytes

// MonotonicTime in ns; 0 = not armed.
[[nodiscard]] inline std::int64_t deadline_of(const UnitRecord& record, TimerKind kind) noexcept {
  return record.deadline_ns[static_cast<std::size_t>(kind)];
}
[[nodiscard]] inline std::uint32_t serial_of(const UnitRecord& record, TimerKind kind) noexcept {
  return record.timer_serial[static_cast<std::size_t>(kind)];
}

// How a run ended, or ends, in the words that systemd.exec(5) has for SERVICE_RESULT.
enum class RunResult : std::uint8_t {
  Success,
  ExitCode,
  Signal,
  CoreDump,
  Timeout,
  Watchdog,
  Resources,
  Protocol,
  OomKill,
  StartLimitHit,
  ExecCondition,
};
[[nodiscard]] RunResult run_result(Reason reason, const Exit& exit) noexcept;
[[nodiscard]] std::string_view name(RunResult result) noexcept;  // "exit-code"

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
  friend bool operator==(const JobRecord&, const JobRecord&) = default;
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
