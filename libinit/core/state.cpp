// The machine of a unit.
//
//   Inactive    -> Waiting      it is wanted
//   Waiting    <-> Blocked      a gate is closed: for now, or until something else changes
//   Waiting     -> Preparing    all gates are open, and prepared-by units must run first
//               -> Condition | PreStart | Idling | Starting | Commanding    a service, by what it has to run
//               -> Up           a target
//   Preparing   -> as Waiting   they have run
//               -> Blocked      they cannot, or something else is missing by now
//   Condition   -> Condition (next step) | PreStart | Idling | Starting | Commanding
//               -> Inactive     it said no: the wish is fulfilled
//   PreStart    -> PreStart (next step) | Idling | Starting | Commanding
//   Idling      -> Starting     nothing else is being started, or 5 s are over
//   Starting    -> Readying     exec succeeded: notify, dbus, ready-fd, [ready]
//               -> Forking      exec succeeded: forking
//               -> PostStart | Running    exec succeeded: everything else
//   Forking     -> PostStart | Running    the first process has ended well, and the main one was found
//   Readying    -> PostStart | Running    its READY=1 or line, its bus name, a good answer, its time alive
//   Commanding  -> Commanding (next step) | PostStart | Up (remain-after-exit) | Inactive (done)
//   PostStart   -> PostStart (next step) | Running; of a oneshot as Commanding
//   Running    <-> Reloading    reload steps
//   Running    <-> SelfReloading    RELOADING=1, READY=1
//   Reloading   -> SelfReloading    the steps are over, and READY=1 is still to come
//   any start   -> Aborting | Stopping    a step failed or the time was up, and something is left to end
//               -> PostStop | Backoff | LongBackoff | Failed    ... and nothing is
//   Running     -> Up           it ended well, remain-after-exit
//               -> Leaving      STOPPING=1, or its bus name is gone
//               -> Aborting     watchdog
//               -> PreStop | StopStep | Stopping    unhealthy, run-timeout
//               -> Stopping     it ended, and something is left in its group
//               -> PostStop | Backoff | LongBackoff | Inactive | Failed    it ended; by restart policy
//   Leaving     -> as Running when it ended; Stopping when it does not
//   up, start   -> StopWaiting  it must stop
//   StopWaiting -> PreStop | StopStep    all that stop before it have stopped, and it came up
//               -> Stopping     ... and it did not, or has no such steps
//   PreStop     -> PreStop (next step) | StopStep | Stopping
//   StopStep    -> StopStep (next step) | Stopping
//   Stopping    -> Stopping (next step of the schedule) -> Aborting (abort-on-timeout) -> KillWait
//   Stopping, Aborting, KillWait -> PostStop    the run had begun
//   PostStop    -> PostStop (next step); Stopping, KillWait for what it leaves behind
//   Stopping, KillWait, PostStop -> Inactive (it was asked to stop; Waiting at once if it is still wanted)
//               -> Backoff | LongBackoff | Inactive | Failed    (it ended by itself)
//   KillWait    -> Failed       something survives SIGKILL
//   Backoff, LongBackoff -> Waiting    the delay is over, or somebody asks
//   Failed      -> Waiting      somebody asks; or it is wanted, and what survived SIGKILL has ended
//   Waiting, Blocked, Preparing, Backoff, LongBackoff -> Inactive    it is no longer wanted
#include "libinit/core/state.h"

#include <array>

#include "libinit/core/record.h"

namespace init::core {
namespace {

enum class Group : std::uint8_t { Down, Starting, Up, Stopping };

struct Row {
  State state;
  PublicState shown;
  Group group;
  std::string_view name;
};

constexpr std::array<Row, kStates> kTable = {{
    {State::Inactive, PublicState::Inactive, Group::Down, "inactive"},
    {State::Waiting, PublicState::Activating, Group::Down, "waiting"},
    {State::Blocked, PublicState::Inactive, Group::Down, "blocked"},
    {State::Preparing, PublicState::Activating, Group::Down, "being prepared"},
    {State::Condition, PublicState::Activating, Group::Starting, "asking its conditions"},
    {State::PreStart, PublicState::Activating, Group::Starting, "pre-start"},
    {State::Idling, PublicState::Activating, Group::Starting, "awaiting quiet"},
    {State::Starting, PublicState::Activating, Group::Starting, "awaiting exec"},
    {State::Commanding, PublicState::Activating, Group::Starting, "running its command"},
    {State::Forking, PublicState::Activating, Group::Starting, "awaiting its main process"},
    {State::Readying, PublicState::Activating, Group::Starting, "awaiting readiness"},
    {State::PostStart, PublicState::Activating, Group::Starting, "post-start"},
    {State::Running, PublicState::Active, Group::Up, "running"},
    {State::Up, PublicState::Active, Group::Up, "up"},
    {State::Reloading, PublicState::Reloading, Group::Up, "reloading"},
    {State::SelfReloading, PublicState::Reloading, Group::Up, "reloading by itself"},
    {State::Leaving, PublicState::Deactivating, Group::Stopping, "ending by itself"},
    {State::StopWaiting, PublicState::Deactivating, Group::Stopping, "awaiting the stop of others"},
    {State::PreStop, PublicState::Deactivating, Group::Stopping, "pre-stop"},
    {State::StopStep, PublicState::Deactivating, Group::Stopping, "running its stop command"},
    {State::Aborting, PublicState::Deactivating, Group::Stopping, "awaiting the end after the abort signal"},
    {State::Stopping, PublicState::Deactivating, Group::Stopping, "awaiting stop"},
    {State::KillWait, PublicState::Deactivating, Group::Stopping, "awaiting the end after KILL"},
    {State::PostStop, PublicState::Deactivating, Group::Stopping, "post-stop"},
    {State::Backoff, PublicState::Activating, Group::Down, "awaiting the next try"},
    {State::LongBackoff, PublicState::Failed, Group::Down, "failed, awaiting the next try"},
    {State::Failed, PublicState::Failed, Group::Down, "failed"},
}};

constexpr bool rows_are_in_order() {
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    if (static_cast<std::size_t>(kTable[i].state) != i) return false;
  }
  return true;
}
static_assert(rows_are_in_order());

constexpr const Row& row(State state) {
  return kTable[static_cast<std::size_t>(state)];
}

}  // namespace

PublicState public_state(State state) noexcept {
  return row(state).shown;
}
std::string_view name(State state) noexcept {
  return row(state).name;
}
bool is_up(State state) noexcept {
  return row(state).group == Group::Up;
}
bool is_starting(State state) noexcept {
  return row(state).group == Group::Starting;
}
bool is_stopping(State state) noexcept {
  return row(state).group == Group::Stopping;
}
bool is_down(State state) noexcept {
  return row(state).group == Group::Down;
}

std::string_view name(PublicState state) noexcept {
  constexpr std::array<std::string_view, kPublicStates> kNames = {"inactive",  "activating",   "active",
                                                                  "reloading", "deactivating", "failed"};
  return kNames[static_cast<std::size_t>(state)];
}

bool is_late(Reason reason) noexcept {
  return reason == Reason::StartTimeout || reason == Reason::ReadyTimeout;
}

RunResult run_result(Reason reason, const Exit& exit) noexcept {
  switch (reason) {
    case Reason::None:
      return RunResult::Success;
    case Reason::StartTimeout:
    case Reason::ReadyTimeout:
    case Reason::RunTimeout:
    case Reason::StopTimeout:
    case Reason::Unkillable:
      return RunResult::Timeout;
    case Reason::Watchdog:
    case Reason::Unhealthy:
      return RunResult::Watchdog;
    case Reason::Setup:
    case Reason::Config:
    case Reason::Cycle:
    case Reason::NotLoaded:
      return RunResult::Resources;
    case Reason::Protocol:
    case Reason::NotReady:
      return RunResult::Protocol;
    case Reason::OutOfMemory:
      return RunResult::OomKill;
    case Reason::RestartLimit:
      return RunResult::StartLimitHit;
    case Reason::ConditionUnmet:
      return RunResult::ExecCondition;
    default:  // as the process says
      if (exit.kind == Exit::Kind::Dumped) return RunResult::CoreDump;
      return exit.kind == Exit::Kind::Signal ? RunResult::Signal : RunResult::ExitCode;
  }
}

std::string_view name(RunResult result) noexcept {
  constexpr std::array<std::string_view, 11> kNames = {
      "success",   "exit-code", "signal",   "core-dump",       "timeout",       "watchdog",
      "resources", "protocol",  "oom-kill", "start-limit-hit", "exec-condition"};
  return kNames[static_cast<std::size_t>(result)];
}

std::string_view name(Reason reason) noexcept {
  switch (reason) {
    case Reason::None:
      return "none";
    case Reason::ExitCode:
      return "exit code";
    case Reason::Signal:
      return "signal";
    case Reason::PreStart:
      return "pre-start failed";
    case Reason::Setup:
      return "set-up failed";
    case Reason::Config:
      return "bad configuration";
    case Reason::StartTimeout:
      return "start timed out";
    case Reason::RestartLimit:
      return "ended too often";
    case Reason::Unkillable:
      return "survived KILL";
    case Reason::Cycle:
      return "lies on a dependency cycle";
    case Reason::NotLoaded:
      return "not loaded";
    case Reason::Condition:
      return "condition command failed";
    case Reason::ConditionUnmet:
      return "condition not met";
    case Reason::PostStart:
      return "post-start failed";
    case Reason::PostStop:
      return "post-stop failed";
    case Reason::ReadyTimeout:
      return "not ready in time";
    case Reason::NotReady:
      return "readiness probes failed";
    case Reason::Protocol:
      return "ended before it was ready";
    case Reason::Watchdog:
      return "watchdog missed";
    case Reason::Unhealthy:
      return "unhealthy";
    case Reason::RunTimeout:
      return "run time is over";
    case Reason::StopTimeout:
      return "had to be killed";
    case Reason::OutOfMemory:
      return "the kernel killed for want of memory";
  }
  return "unknown";
}

}  // namespace init::core
