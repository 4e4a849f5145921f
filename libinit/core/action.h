// What the engine wants done. The shell carries actions out in order, after it has committed the records of
// the units that changed (Engine::changed) and of the jobs, so that a crash in between repeats an action and
// never forgets one.
#pragma once
#include <cstdint>
#include <variant>

#include "libinit/core/event.h"
#include "libinit/core/state.h"

namespace init::core {

enum class Role : std::uint8_t { Main, PreStart, Reload };

struct Spawn {  // answered by Spawned and ExecSucceeded, or SpawnFailed; then Exited
  UnitIndex unit = 0;
  Attempt attempt = 0;
  Role role = Role::Main;
  std::uint16_t step = 0;  // which step of command, pre_start or reload
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
  Skipped,   // requisite not active; the wish ends, unless something else wants the unit
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

using Action =
    std::variant<Spawn, Signal, KillGroup, ArmTimer, CancelTimer, StateChanged, JobFinished, Power>;

class ActionSink {
 public:
  virtual ~ActionSink() = default;
  virtual void emit(const Action& action) = 0;
};

}  // namespace init::core
