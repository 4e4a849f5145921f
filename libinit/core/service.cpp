#include "libinit/core/service.h"

#include "libinit/core/ending.h"
#include "libinit/core/policy.h"
#include "libinit/core/readiness.h"
#include "libinit/core/stopping.h"
#include "libinit/core/wishes.h"

namespace init::core {
namespace {

using unit::ServiceType;

// The longest that an idle service waits for quiet.
constexpr Duration kIdleWait = std::chrono::seconds(5);

const Policy& policy_of(const World& world, UnitIndex unit) {
  return world.graph->policy(unit);
}

Role role_in(State state) {
  switch (state) {
    case State::Condition:
      return Role::Condition;
    case State::PreStart:
      return Role::PreStart;
    case State::PostStart:
      return Role::PostStart;
    case State::Reloading:
      return Role::Reload;
    case State::PreStop:
      return Role::PreStop;
    case State::StopStep:
      return Role::Stop;
    case State::PostStop:
      return Role::PostStop;
    default:
      return Role::Main;
  }
}

// Does the unit await the end of a step beside or after its main process?
bool awaits_control(State state) {
  return !is_main(role_in(state));
}

// ... or the birth, or the end, of a process that was spawned as the main one?
bool awaits_main(State state) {
  return state == State::Condition || state == State::PreStart || state == State::Starting ||
         state == State::Commanding;
}

// The process of the state the unit is in, by a new attempt.
void spawn(World& world, UnitIndex unit) {
  UnitRecord& record = world.edit(unit);
  const Role role = role_in(record.state);
  ++record.attempt;
  (is_main(role) ? record.main_attempt : record.control_attempt) = record.attempt;
  if (is_main(role)) record.main_pid = 0;
  if (role == Role::Main) record.word = word_of(policy_of(world, unit));
  if (role != Role::Condition && role != Role::PostStop) set_flag(record, kBegan, true);
  set_flag(record, kGroup, true);
  world.emit(Spawn{unit, record.attempt, role, record.step});
}

void arm_limit(World& world, UnitIndex unit) {
  arm(world, unit, TimerKind::Phase, world.now + policy_of(world, unit).start_timeout);
}

void enter_step(World& world, UnitIndex unit, State state, std::uint16_t step) {
  world.edit(unit).step = step;
  enter(world, unit, state);
  spawn(world, unit);
}

void came_up(World& world, UnitIndex unit, State state) {
  UnitRecord& record = world.edit(unit);
  if (state == State::Up || record.state != State::PostStart)
    record.started_ns = world.now.since_epoch.count();
  record.spawn_failures = 0;
  record.reason = Reason::None;
  set_flag(record, kCameUp, true);
  enter(world, unit, state);
  if (state == State::Running) begin_watch(world, unit);
  for (const Link& link : world.graph->says(unit)) {
    if (has(link.kind, Atom::KeepsUp)) world.touch(link.unit);
  }
}

void begin_main(World& world, UnitIndex unit) {
  if (!policy_of(world, unit).oneshot) return enter_step(world, unit, State::Starting, 0);
  world.edit(unit).started_ns = world.now.since_epoch.count();
  enter_step(world, unit, State::Commanding, 0);
}

void begin_command(World& world, UnitIndex unit) {
  if (policy_of(world, unit).type != ServiceType::Idle) return begin_main(world, unit);
  enter(world, unit, State::Idling);
  arm(world, unit, TimerKind::Restart, world.now + kIdleWait);
}

void begin_pre_start(World& world, UnitIndex unit) {
  if (!run_step(world, unit, State::PreStart, 0)) begin_command(world, unit);
}

bool is_well(const Exit& exit) {
  return exit == Exit{Exit::Kind::Code, 0};
}

bool step_failed(const Policy& policy, Role role, std::uint16_t step, const Exit& exit) {
  return !policy.ignores_failure(role, step) && !is_well(exit) && !policy.success.contains(exit);
}

// Code 0 goes on, 1 to 254 is a no, anything else a failure: as systemd.service(5) has it.
void condition_exited(World& world, UnitIndex unit, const Exit& exit) {
  const std::uint16_t step = world.units[unit].step;
  if (step_failed(policy_of(world, unit), Role::Condition, step, exit)) {
    const bool said_no = exit.kind == Exit::Kind::Code && exit.value < 255;
    return end_run(world, unit, said_no ? Reason::ConditionUnmet : Reason::Condition);
  }
  if (!run_step(world, unit, State::Condition, step + 1U)) begin_pre_start(world, unit);
}

void pre_start_exited(World& world, UnitIndex unit, const Exit& exit) {
  const std::uint16_t step = world.units[unit].step;
  if (step_failed(policy_of(world, unit), Role::PreStart, step, exit))
    return end_run(world, unit, Reason::PreStart);
  if (!run_step(world, unit, State::PreStart, step + 1U)) begin_command(world, unit);
}

void command_exited(World& world, UnitIndex unit, const Exited& event) {
  const Policy& policy = policy_of(world, unit);
  const std::uint16_t step = world.units[unit].step;
  if (!policy.ignores_failure(Role::Main, step) && !is_clean(policy, event.exit))
    return end_run(world, unit, reason_of(event));
  if (!run_step(world, unit, State::Commanding, step + 1U)) became_ready(world, unit);
}

// Is it the first process of a forking service that leaves the work to another, as it is to?
bool hands_over(const World& world, UnitIndex unit, const Exit& exit) {
  const UnitRecord& record = world.units[unit];
  const bool first = awaited_word(world, unit) == Word::Forked && !has_flag(record, kFound);
  return first && is_starting(record.state) && is_clean(policy_of(world, unit), exit);
}

// Does this end say how the service ended last? Not that of a preparation, or of a first process, that went
// well.
bool is_news(const World& world, UnitIndex unit, const Exit& exit) {
  const State state = world.units[unit].state;
  if (state == State::PreStart || state == State::Condition) return !is_well(exit);
  return !hands_over(world, unit, exit);
}

// Before it was ready: the first process of a forking service is to end well, all others are not to end at
// all.
void ended_early(World& world, UnitIndex unit, const Exited& event) {
  if (!is_clean(policy_of(world, unit), event.exit)) return end_run(world, unit, reason_of(event));
  hands_over(world, unit, event.exit) ? find_main(world, unit) : end_run(world, unit, Reason::Protocol);
}

void ended_itself(World& world, UnitIndex unit, const Exited& event) {
  if (world.units[unit].end == End::Asked) return begin_signals(world, unit);
  end_run(world, unit, is_clean(policy_of(world, unit), event.exit) ? Reason::None : reason_of(event));
}

void main_exited(World& world, UnitIndex unit, const Exited& event) {
  switch (world.units[unit].state) {
    case State::Condition:
      return condition_exited(world, unit, event.exit);
    case State::PreStart:
      return pre_start_exited(world, unit, event.exit);
    case State::Commanding:
      return command_exited(world, unit, event);
    case State::Starting:
      if (awaited_word(world, unit) == Word::Forked || awaits_readiness(world, unit))
        return ended_early(world, unit, event);
      came_up(world, unit, State::Running);  // the news of its exec was overtaken
      return ended_itself(world, unit, event);
    case State::Forking:
    case State::Readying:
    case State::PostStart:
      return ended_early(world, unit, event);
    case State::Running:
    case State::Reloading:
    case State::SelfReloading:
    case State::Leaving:
      return ended_itself(world, unit, event);
    case State::Stopping:
    case State::KillWait:
    case State::Aborting:
      return check_end(world, unit);
    case State::StopWaiting:
      set_flag(world.edit(unit), kCameUp, false);
      return world.touch(unit);
    default:
      return world.touch(unit);  // its hooks go on; or it was given up, and can be started again
  }
}

void post_start_exited(World& world, UnitIndex unit, bool failed) {
  if (failed) return end_run(world, unit, Reason::PostStart);
  if (run_step(world, unit, State::PostStart, world.units[unit].step + 1U)) return;
  const bool over = world.units[unit].main_attempt == 0;
  over ? end_run(world, unit, Reason::None) : came_up(world, unit, State::Running);
}

void reload_exited(World& world, UnitIndex unit, bool well) {
  if (well && run_step(world, unit, State::Reloading, world.units[unit].step + 1U))
    return arm_limit(world, unit);
  end_reload(world, unit, well);
}

void control_exited(World& world, UnitIndex unit, const Exit& exit) {
  const UnitRecord& record = world.units[unit];
  const bool failed = step_failed(policy_of(world, unit), role_in(record.state), record.step, exit);
  switch (record.state) {
    case State::PostStart:
      return post_start_exited(world, unit, failed);
    case State::Reloading:
      return reload_exited(world, unit, is_well(exit));
    case State::PreStop:
    case State::StopStep:
    case State::PostStop:
      return stop_hook_ended(world, unit, failed);
    default:
      return check_end(world, unit);
  }
}

// What has become of a process, by its attempt.
enum class Which : std::uint8_t { Neither, Main, Control };

Which which(const World& world, UnitIndex unit, Attempt attempt) {
  const UnitRecord& record = world.units[unit];
  if (attempt == 0) return Which::Neither;
  if (attempt == record.main_attempt) return Which::Main;
  return attempt == record.control_attempt ? Which::Control : Which::Neither;
}

// The last process that survived KILL, and was known, has ended; what else may be left is ended before the
// next start.
bool has_given_in(const UnitRecord& record) {
  const bool survived = record.state == State::Failed && record.reason == Reason::Unkillable;
  return survived && record.goal == Goal::Up && record.main_attempt == 0 && record.control_attempt == 0;
}

// The process is gone, or never was.
void forget(World& world, UnitIndex unit, Which process, bool group_empty) {
  UnitRecord& record = world.edit(unit);
  if (process == Which::Main) {
    record.main_attempt = 0;
    record.main_pid = 0;
  } else {
    record.control_attempt = 0;
  }
  if (group_empty && record.main_attempt == 0) record.leader = 0;
  set_flag(record, kGroup, !group_empty);
  world.touch_watchers(unit);
  if (has_given_in(record)) enter(world, unit, State::Waiting);
}

void retry_spawn(World& world, UnitIndex unit) {
  UnitRecord& record = world.edit(unit);
  cancel(world, unit, TimerKind::Phase);
  arm(world, unit, TimerKind::Restart, world.now + spawn_delay(record.spawn_failures));
  if (record.spawn_failures < 255) ++record.spawn_failures;
}

// After the wait for resources, or for quiet; a reload may have changed in the meantime what there is to run.
void spawn_again(World& world, UnitIndex unit) {
  const Policy& policy = policy_of(world, unit);
  const UnitRecord& record = world.units[unit];
  const bool there = record.step < policy.steps_of(role_in(record.state)).size();
  switch (record.state) {
    case State::Condition:
      return there ? spawn(world, unit) : begin_pre_start(world, unit);
    case State::PreStart:
      return there ? spawn(world, unit) : begin_command(world, unit);
    case State::PostStart:
      return there ? spawn(world, unit) : post_start_exited(world, unit, false);
    case State::Reloading:
      return there ? spawn(world, unit) : end_reload(world, unit, false);
    case State::Commanding:
      return policy.oneshot && there ? spawn(world, unit) : begin_main(world, unit);
    case State::Idling:
      return begin_main(world, unit);
    default:
      return policy.oneshot ? begin_main(world, unit) : spawn(world, unit);
  }
}

void forget_exit(UnitRecord& record) {
  record.exit_kind = Exit::Kind::None;
  record.exit_value = 0;
}

void spawn_failed(World& world, UnitIndex unit, Which process, SpawnError kind) {
  const State state = world.units[unit].state;
  const bool start = is_starting(state);
  const bool found = process == Which::Main && has_flag(world.units[unit], kFound);
  if (found && (start || is_up(state))) {
    forget_exit(world.edit(unit));  // nobody has seen it
    return end_run(world, unit, Reason::Protocol);
  }
  if (start || (process == Which::Control && state == State::Reloading)) {
    if (start) forget_exit(world.edit(unit));  // that of an earlier run
    if (kind == SpawnError::Resources) return retry_spawn(world, unit);
    if (!start) return end_reload(world, unit, false);
    return end_run(world, unit, kind == SpawnError::Setup ? Reason::Setup : Reason::Config);
  }
  const bool hook = process == Which::Control && awaits_control(state);
  hook ? stop_hook_ended(world, unit, true) : check_end(world, unit);
}

// A step that nobody has begun yet takes no time: that in which no manager got so far does not count.
void limit_anew(World& world, UnitIndex unit) {
  if (world.units[unit].deadline_ns[static_cast<std::size_t>(TimerKind::Phase)] == 0) return;
  if (is_stopping(world.units[unit].state))
    return arm(world, unit, TimerKind::Phase, world.now + stop_limit(world, unit));
  arm_limit(world, unit);
}

}  // namespace

bool run_step(World& world, UnitIndex unit, State state, std::size_t step) {
  if (step >= policy_of(world, unit).steps_of(role_in(state)).size()) return false;
  enter_step(world, unit, state, static_cast<std::uint16_t>(step));
  return true;
}

void begin_start(World& world, UnitIndex unit) {
  if (world.graph->is_target(unit)) return came_up(world, unit, State::Up);
  UnitRecord& record = world.edit(unit);
  for (const std::uint16_t flag : {kDone, kRerun, kCameUp, kBegan, kFound, kTold, kReloading, kSkipped})
    set_flag(record, flag, false);
  record.end = End::None;
  record.reason = Reason::None;
  record.step = 0;
  record.watchdog_ns = 0;
  if (!run_step(world, unit, State::Condition, 0)) begin_pre_start(world, unit);
  if (is_starting(world.units[unit].state)) arm_limit(world, unit);
}

void begin_reload(World& world, UnitIndex unit) {
  const Policy& policy = policy_of(world, unit);
  if (run_step(world, unit, State::Reloading, 0)) return arm_limit(world, unit);
  const bool can = policy.reload_signal != 0;
  if (can) world.emit(Signal{unit, world.units[unit].main_attempt, policy.reload_signal, SignalTarget::Main});
  finish_jobs(world, unit, kReloads, can ? JobOutcome::Done : JobOutcome::Refused, unit);
}

void end_reload(World& world, UnitIndex unit, bool well) {
  const bool again = finish_reload(world, unit, well ? JobOutcome::Done : JobOutcome::Failed);
  const bool goes_on = world.units[unit].state == State::Reloading && has_flag(world.units[unit], kReloading);
  set_flag(world.edit(unit), kReloading, false);
  enter(world, unit, goes_on ? State::SelfReloading : State::Running);
  if (goes_on) arm_limit(world, unit);
  if (again) begin_reload(world, unit);
}

void bring_up(World& world, UnitIndex unit) {
  came_up(world, unit, State::Up);
}

void became_ready(World& world, UnitIndex unit) {
  const bool over = world.units[unit].main_attempt == 0;  // a oneshot has done its work
  if (!over) world.edit(unit).started_ns = world.now.since_epoch.count();
  if (run_step(world, unit, State::PostStart, 0)) return;
  over ? end_run(world, unit, Reason::None) : came_up(world, unit, State::Running);
}

bool release_idle(World& world) {
  if (world.idling == 0 || world.starting != 0) return false;
  for (UnitIndex unit = 0; unit < world.units.size(); ++unit) {
    if (world.units[unit].state == State::Idling) begin_main(world, unit);
  }
  return true;
}

void on_spawned(World& world, const Spawned& event) {
  if (which(world, event.unit, event.attempt) != Which::Main) return;
  UnitRecord& record = world.edit(event.unit);
  record.main_pid = event.pid;
  if (!has_flag(record, kFound)) record.leader = event.pid;
}

void on_exec_succeeded(World& world, const ExecSucceeded& event) {
  if (which(world, event.unit, event.attempt) == Which::Neither) return;
  const UnitRecord& record = world.units[event.unit];
  if (record.spawn_failures != 0) world.edit(event.unit).spawn_failures = 0;
  const bool forking = awaited_word(world, event.unit) == Word::Forked;
  const bool found = has_flag(record, kFound);
  if (record.state == State::Starting && forking && !found) return enter(world, event.unit, State::Forking);
  if (record.state == State::Starting) return await_readiness(world, event.unit);
  if (record.state == State::Forking && found) became_ready(world, event.unit);
}

void on_spawn_failed(World& world, const SpawnFailed& event) {
  const Which process = which(world, event.unit, event.attempt);
  if (process == Which::Neither) return;
  forget(world, event.unit, process, event.group_empty);
  UnitRecord& record = world.edit(event.unit);
  record.error_role = role_in(record.state);
  record.error_step = event.step;
  record.error = event.error;
  spawn_failed(world, event.unit, process, event.kind);
}

void on_exited(World& world, const Exited& event) {
  const Which process = which(world, event.unit, event.attempt);
  if (process == Which::Neither) return;
  forget(world, event.unit, process, event.group_empty);
  if (process == Which::Control) return control_exited(world, event.unit, event.exit);
  UnitRecord& record = world.edit(event.unit);
  if (is_news(world, event.unit, event.exit)) {
    record.exit_kind = event.exit.kind;
    record.exit_value = event.exit.value;
  }
  record.spawn_failures = 0;
  main_exited(world, event.unit, event);
}

void on_starved(World& world, const Starved& event) {
  const UnitRecord& record = world.units[event.unit];
  if (event.attempt == 0 || event.attempt != record.main_attempt) return;
  if (!policy_of(world, event.unit).stop_when_starved) return;
  if (is_starting(record.state) || is_up(record.state)) end_run(world, event.unit, Reason::OutOfMemory);
}

void on_group_empty(World& world, UnitIndex unit) {
  UnitRecord& record = world.edit(unit);
  set_flag(record, kGroup, false);
  if (record.main_attempt == 0) record.leader = 0;
  world.touch_watchers(unit);
  check_end(world, unit);
}

void on_phase_timer(World& world, UnitIndex unit) {
  const State state = world.units[unit].state;
  if (state == State::Readying || state == State::Forking) return end_run(world, unit, Reason::ReadyTimeout);
  if (is_starting(state)) return end_run(world, unit, Reason::StartTimeout);
  if (state != State::Reloading && state != State::SelfReloading) return stop_step_over(world, unit);
  finish_jobs(world, unit, kReloads, JobOutcome::TimedOut, unit);
  if (state == State::SelfReloading) return end_reload(world, unit, false);
  world.emit(Signal{unit, world.units[unit].control_attempt, kSignalKill, SignalTarget::Main});
}

void on_restart_timer(World& world, UnitIndex unit) {
  const State state = world.units[unit].state;
  if (state == State::Backoff || state == State::LongBackoff) return enter(world, unit, State::Waiting);
  if (!is_starting(state) && state != State::Reloading) return;
  spawn_again(world, unit);
  const State now_in = world.units[unit].state;
  if (state == State::Idling) return;  // its limit was never lifted
  if (is_starting(now_in) || now_in == State::Reloading) arm_limit(world, unit);
}

void repeat_spawn(World& world, UnitIndex unit, Attempt attempt) {
  const UnitRecord& record = world.units[unit];
  const bool awaited =
      attempt == record.control_attempt ? awaits_control(record.state) : awaits_main(record.state);
  if (awaited && role_in(record.state) == Role::Main) world.edit(unit).word = word_of(policy_of(world, unit));
  if (awaited) {
    world.emit(Spawn{unit, attempt, role_in(record.state), record.step});
    return limit_anew(world, unit);
  }
  // Nobody knows that process. It was to be ended and never began, or it is lost with everything that was
  // known of it.
  on_exited(world, Exited{unit, attempt, {}, !has_flag(record, kGroup)});
}

}  // namespace init::core
