// What the engine wants done. The shell carries actions out in order, after it has committed the records of
// the units that changed (Engine::changed) and of the jobs, so that a crash in between repeats an action and
// never forgets one.
#pragma once
#include <cstdint>
#include <variant>

#include "libinit/core/event.h"
#include "libinit/core/state.h"

namespace init::core {

// What a process is for. Those from Reload on run beside the main process, or after it.
enum class Role : std::uint8_t {
  Main,
  PreStart,
  Reload,
  Condition,
  PostStart,
  PreStop,
  Stop,
  PostStop,
};
inline constexpr std::size_t kRoles = 8;
// Is it a process of UnitRecord::main_attempt? The others are of control_attempt.
[[nodiscard]] constexpr bool is_main(Role role) noexcept {
  return role == Role::Main || role == Role::PreStart || role == Role::Condition;
}

struct Spawn {  // answered by Spawned and ExecSucceeded, or SpawnFailed; then Exited
  UnitIndex unit = 0;
  Attempt attempt = 0;
  Role role = Role::Main;
  std::uint16_t step = 0;  // which one of the role's steps: steps_of() in policy.h
};
// Find the main process of a service and watch it under this attempt. Answered as a Spawn is: Spawned and
// ExecSucceeded, then Exited; SpawnFailed (Setup) when nothing of the unit is left to find. While several
// processes or a pid file that is still to come leave it open, there is no answer.
struct WatchMain {
  UnitIndex unit = 0;
  Attempt attempt = 0;
  std::int32_t pid = 0;  // 0: of a forking service whose first process has ended; else as MAINPID= named it
};
// Ask once. Answered by Probed with this serial; a question with a higher serial, or another attempt, takes
// its place. log-line and trigger are asked once and answered when it has happened, however late.
struct Probe {
  UnitIndex unit = 0;
  Attempt attempt = 0;
  ProbeOf which = ProbeOf::Ready;
  std::uint32_t serial = 0;
};
enum class SignalTarget : std::uint8_t {
  Main,
  Group
};  // the one process of that attempt, or all of the unit
struct Signal {
  UnitIndex unit = 0;
  Attempt attempt = 0;
  std::int32_t signal = 0;
  SignalTarget target = SignalTarget::Main;
};
struct KillGroup {  // SIGKILL to all that is left in the unit's cgroup; answered by GroupEmpty (and Exited)
  UnitIndex unit = 0;
};
struct ArmTimer {  // replaces the unit's timer of this kind
  UnitIndex unit = 0;
  TimerKind kind = TimerKind::Phase;
  std::uint32_t serial = 0;
  MonotonicTime deadline;
};
struct CancelTimer {
  UnitIndex unit = 0;
  TimerKind kind = TimerKind::Phase;
};
struct StateChanged {  // for subscribers and the console
  UnitIndex unit = 0;
  PublicState from = PublicState::Inactive;
  PublicState to = PublicState::Inactive;
};
enum class JobOutcome : std::uint8_t {
  Done,
  Failed,    // the unit itself failed
  Blocked,   // a dependency has failed and is not retrying right now, or the unit lies on a cycle; the wish
             // stays
  Canceled,  // a later request took its place
  Refused,   // refuse-manual-start, shutting down, nothing to reload
  Skipped,   // requisite not active, or a condition command said no; the wish ends
  TimedOut,
};
struct JobFinished {
  JobId job = 0;
  UnitIndex unit = 0;  // kNoUnit for a shutdown, or when a reload removed the unit
  JobOutcome outcome = JobOutcome::Done;
  UnitIndex cause = 0;  // the unit that failed or blocks; = unit when it is itself
};
struct Power {  // everything has stopped
  PowerKind kind = PowerKind::Exit;
};

using Action = std::variant<Spawn, WatchMain, Probe, Signal, KillGroup, ArmTimer, CancelTimer, StateChanged,
                            JobFinished, Power>;

class ActionSink {
 public:
  virtual ~ActionSink() = default;
  virtual void emit(const Action& action) = 0;
};

}  // namespace init::core
