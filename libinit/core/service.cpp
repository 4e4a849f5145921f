#include "libinit/core/service.h"

#include "libinit/core/ending.h"
#include "libinit/core/policy.h"
#include "libinit/core/wishes.h"

namespace init::core {
namespace {

const Policy& policy_of(const World& world, UnitIndex unit) {
  return world.graph->policy(unit);
}

Role role_in(State state) {
  if (state == State::PreStart) return Role::PreStart;
  return state == State::Reloading ? Role::Reload : Role::Main;
}

// The process of the state the unit is in, by a new attempt.
void spawn(World& world, UnitIndex unit) {
  UnitRecord& record = world.edit(unit);
  const Role role = role_in(record.state);
  ++record.attempt;
  (role == Role::Reload ? record.control_attempt : record.main_attempt) = record.attempt;
  if (role != Role::Reload) record.main_pid = 0;
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

// The steps of one list, beginning with `step`; whether there was one.
bool run_step(World& world, UnitIndex unit, State state, const std::vector<bool>& steps, std::size_t step) {
  if (step >= steps.size()) return false;
  enter_step(world, unit, state, static_cast<std::uint16_t>(step));
  return true;
}

void came_up(World& world, UnitIndex unit, State state) {
  UnitRecord& record = world.edit(unit);
  record.started_ns = world.now.since_epoch.count();
  record.spawn_failures = 0;
  record.reason = Reason::None;
  enter(world, unit, state);
  for (const Link& link : world.graph->says(unit)) {
    if (has(link.kind, Atom::KeepsUp)) world.touch(link.unit);
  }
}

void begin_command(World& world, UnitIndex unit) {
  if (!policy_of(world, unit).oneshot) return enter_step(world, unit, State::Starting, 0);
  world.edit(unit).started_ns = world.now.since_epoch.count();
  if (!run_step(world, unit, State::Commanding, policy_of(world, unit).command, 0))
    end_run(world, unit, Reason::None);
}

void end_reload(World& world, UnitIndex unit, bool well) {
  const bool again = finish_reload(world, unit, well ? JobOutcome::Done : JobOutcome::Failed);
  enter(world, unit, State::Running);
  if (again) begin_reload(world, unit);
}

bool step_failed(const Policy& policy, const std::vector<bool>& steps, std::uint16_t step, const Exit& exit) {
  const bool ignored = step < steps.size() && steps[step];
  return !ignored && !(exit.kind == Exit::Kind::Code && exit.value == 0) && !policy.success.contains(exit);
}

void pre_start_exited(World& world, UnitIndex unit, const Exit& exit) {
  const Policy& policy = policy_of(world, unit);
  const std::uint16_t step = world.units[unit].step;
  if (step_failed(policy, policy.pre_start, step, exit)) return end_run(world, unit, Reason::PreStart);
  if (!run_step(world, unit, State::PreStart, policy.pre_start, step + 1U)) begin_command(world, unit);
}

void command_exited(World& world, UnitIndex unit, const Exit& exit) {
  const Policy& policy = policy_of(world, unit);
  const std::uint16_t step = world.units[unit].step;
  const bool ignored = step < policy.command.size() && policy.command[step];
  if (!ignored && !is_clean(policy, exit)) return end_run(world, unit, reason_of(exit));
  if (!run_step(world, unit, State::Commanding, policy.command, step + 1U))
    end_run(world, unit, Reason::None);
}

void main_exited(World& world, UnitIndex unit, const Exit& exit) {
  switch (world.units[unit].state) {
    case State::PreStart:
      return pre_start_exited(world, unit, exit);
    case State::Commanding:
      return command_exited(world, unit, exit);
    case State::Starting:
      came_up(world, unit, State::Running);  // the news of its exec was overtaken
      [[fallthrough]];
    case State::Running:
    case State::Reloading:
      return end_run(world, unit, is_clean(policy_of(world, unit), exit) ? Reason::None : reason_of(exit));
    case State::Stopping:
    case State::KillWait:
      return check_end(world, unit);
    default:
      return world.touch(unit);  // StopWaiting, or given up: it can be started again
  }
}

void control_exited(World& world, UnitIndex unit, bool well) {
  const UnitRecord& record = world.units[unit];
  if (record.state != State::Reloading) return check_end(world, unit);
  const Policy& policy = policy_of(world, unit);
  if (well && run_step(world, unit, State::Reloading, policy.reload, record.step + 1U))
    return arm_limit(world, unit);
  end_reload(world, unit, well);
}

// What has become of a process, by its attempt.
enum class Which : std::uint8_t { Neither, Main, Control };

Which which(const World& world, UnitIndex unit, Attempt attempt) {
  const UnitRecord& record = world.units[unit];
  if (attempt == 0) return Which::Neither;
  if (attempt == record.main_attempt) return Which::Main;
  return attempt == record.control_attempt ? Which::Control : Which::Neither;
}

// The process is gone, or never was.
void forget(World& world, UnitIndex unit, Which process, bool group_empty) {
  UnitRecord& record = world.edit(unit);
  if (process == Which::Main) {
    record.main_attempt = 0;
    record.main_pid = 0;
    if (group_empty) record.leader = 0;
  } else {
    record.control_attempt = 0;
  }
  set_flag(record, kGroup, !group_empty);
  world.touch_watchers(unit);
}

void retry_spawn(World& world, UnitIndex unit) {
  UnitRecord& record = world.edit(unit);
  cancel(world, unit, TimerKind::Phase);
  arm(world, unit, TimerKind::Restart, world.now + spawn_delay(record.spawn_failures));
  if (record.spawn_failures < 255) ++record.spawn_failures;
}

// After the wait for resources; a reload may have changed in the meantime what there is to run.
void spawn_again(World& world, UnitIndex unit) {
  const Policy& policy = policy_of(world, unit);
  const UnitRecord& record = world.units[unit];
  switch (record.state) {
    case State::PreStart:
      return record.step < policy.pre_start.size() ? spawn(world, unit) : begin_command(world, unit);
    case State::Reloading:
      return record.step < policy.reload.size() ? spawn(world, unit) : end_reload(world, unit, false);
    case State::Commanding:
      return policy.oneshot && record.step < policy.command.size() ? spawn(world, unit)
                                                                   : begin_command(world, unit);
    default:
      return policy.oneshot ? begin_command(world, unit) : spawn(world, unit);
  }
}

}  // namespace

void begin_start(World& world, UnitIndex unit) {
  if (world.graph->is_target(unit)) return came_up(world, unit, State::Up);
  UnitRecord& record = world.edit(unit);
  set_flag(record, kDone, false);
  set_flag(record, kRerun, false);
  record.end = End::None;
  record.reason = Reason::None;
  record.step = 0;
  if (!run_step(world, unit, State::PreStart, policy_of(world, unit).pre_start, 0))
    begin_command(world, unit);
  if (is_starting(world.units[unit].state)) arm_limit(world, unit);
}

void begin_reload(World& world, UnitIndex unit) {
  const Policy& policy = policy_of(world, unit);
  if (run_step(world, unit, State::Reloading, policy.reload, 0)) return arm_limit(world, unit);
  const bool can = policy.reload_signal != 0;
  if (can) world.emit(Signal{unit, world.units[unit].main_attempt, policy.reload_signal, SignalTarget::Main});
  finish_jobs(world, unit, kReloads, can ? JobOutcome::Done : JobOutcome::Refused, unit);
}

void bring_up(World& world, UnitIndex unit) {
  came_up(world, unit, State::Up);
}

void on_spawned(World& world, const Spawned& event) {
  if (which(world, event.unit, event.attempt) != Which::Main) return;
  UnitRecord& record = world.edit(event.unit);
  record.main_pid = event.pid;
  record.leader = event.pid;
}

void on_exec_succeeded(World& world, const ExecSucceeded& event) {
  if (which(world, event.unit, event.attempt) == Which::Neither) return;
  if (world.units[event.unit].spawn_failures != 0) world.edit(event.unit).spawn_failures = 0;
  if (world.units[event.unit].state == State::Starting) came_up(world, event.unit, State::Running);
}

void on_spawn_failed(World& world, const SpawnFailed& event) {
  const Which process = which(world, event.unit, event.attempt);
  if (process == Which::Neither) return;
  forget(world, event.unit, process, event.group_empty);
  UnitRecord& record = world.edit(event.unit);
  record.error_role = role_in(record.state);
  record.error_step = event.step;
  record.error = event.error;
  const bool awaited =
      is_starting(record.state) || (process == Which::Control && record.state == State::Reloading);
  if (!awaited) return check_end(world, event.unit);
  if (event.kind == SpawnError::Resources) return retry_spawn(world, event.unit);
  if (process == Which::Control) return end_reload(world, event.unit, false);
  record.exit_kind = Exit::Kind::None;
  end_run(world, event.unit, event.kind == SpawnError::Setup ? Reason::Setup : Reason::Config);
}

void on_exited(World& world, const Exited& event) {
  const Which process = which(world, event.unit, event.attempt);
  if (process == Which::Neither) return;
  forget(world, event.unit, process, event.group_empty);
  const bool well = event.exit == Exit{Exit::Kind::Code, 0};
  if (process == Which::Control) return control_exited(world, event.unit, well);
  UnitRecord& record = world.edit(event.unit);
  // A preparation that went well is no news of how the service ended last.
  if (!well || record.state != State::PreStart) {
    record.exit_kind = event.exit.kind;
    record.exit_value = event.exit.value;
  }
  record.spawn_failures = 0;
  main_exited(world, event.unit, event.exit);
}

void on_group_empty(World& world, UnitIndex unit) {
  if (!has_flag(world.units[unit], kGroup)) return;
  UnitRecord& record = world.edit(unit);
  set_flag(record, kGroup, false);
  if (record.main_attempt == 0) record.leader = 0;
  world.touch_watchers(unit);
  check_end(world, unit);
}

void on_phase_timer(World& world, UnitIndex unit) {
  const State state = world.units[unit].state;
  if (is_starting(state)) return end_run(world, unit, Reason::StartTimeout);
  if (state != State::Reloading) return stop_step_over(world, unit);
  finish_jobs(world, unit, kReloads, JobOutcome::TimedOut, unit);
  world.emit(Signal{unit, world.units[unit].control_attempt, kSignalKill, SignalTarget::Main});
}

void on_restart_timer(World& world, UnitIndex unit) {
  const State state = world.units[unit].state;
  if (state == State::Backoff || state == State::LongBackoff) return enter(world, unit, State::Waiting);
  if (!is_starting(state) && state != State::Reloading) return;
  spawn_again(world, unit);
  const State now_in = world.units[unit].state;
  if (is_starting(now_in) || now_in == State::Reloading) arm_limit(world, unit);
}

void repeat_spawn(World& world, UnitIndex unit, Attempt attempt) {
  const UnitRecord& record = world.units[unit];
  const bool control = attempt == record.control_attempt;
  const bool awaited = control ? record.state == State::Reloading : is_starting(record.state);
  if (awaited) return world.emit(Spawn{unit, attempt, role_in(record.state), record.step});
  // Nobody knows that process. It was to be ended and never began, or it is lost with everything that was
  // known of it.
  on_exited(world, Exited{unit, attempt, {}, !has_flag(record, kGroup)});
}

}  // namespace init::core
