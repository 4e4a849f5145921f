#include "libinit/core/stopping.h"

#include <algorithm>

#include "libinit/core/ending.h"
#include "libinit/core/service.h"
#include "libinit/core/wishes.h"

namespace init::core {
namespace {

using unit::KillMode;

const Policy& policy_of(const World& world, UnitIndex unit) {
  return world.graph->policy(unit);
}

Duration bounded(const World& world, Duration wait) {
  return world.shutdown ? std::min(wait, kShutdownWait) : wait;
}

void arm_stop_limit(World& world, UnitIndex unit) {
  arm(world, unit, TimerKind::Phase, world.now + stop_limit(world, unit));
}

bool ends_group(const World& world, UnitIndex unit) {
  const KillMode mode = policy_of(world, unit).kill_mode;
  return mode == KillMode::Group || mode == KillMode::Mixed;
}

void send_kill(World& world, UnitIndex unit) {
  const UnitRecord& record = world.units[unit];
  if (ends_group(world, unit) || world.shutdown) return world.emit(KillGroup{unit});
  for (const Attempt attempt : {record.main_attempt, record.control_attempt}) {
    if (attempt != 0) world.emit(Signal{unit, attempt, kSignalKill, SignalTarget::Main});
  }
}

void kill(World& world, UnitIndex unit) {
  enter(world, unit, State::KillWait);
  send_kill(world, unit);
  arm(world, unit, TimerKind::Phase, world.now + kKillWait);
}

// A step that runs beside the main process is not asked.
void kill_step(World& world, UnitIndex unit) {
  const Attempt step = world.units[unit].control_attempt;
  if (step != 0) world.emit(Signal{unit, step, kSignalKill, SignalTarget::Main});
}

void send(World& world, UnitIndex unit, std::int32_t signal) {
  const UnitRecord& record = world.units[unit];
  const KillMode mode = policy_of(world, unit).kill_mode;
  kill_step(world, unit);
  const bool group = mode == KillMode::Group;
  if (mode == KillMode::None || (!group && record.main_attempt == 0)) return;
  const Attempt attempt = record.main_attempt != 0 ? record.main_attempt : record.attempt;
  world.emit(Signal{unit, attempt, signal, group ? SignalTarget::Group : SignalTarget::Main});
}

void send_stop_signal(World& world, UnitIndex unit) {
  send(world, unit, policy_of(world, unit).stop_schedule[world.units[unit].stop_step].signal);
}

// kill-mode none: nobody may end it but itself, except the machine.
void leave_alone(World& world, UnitIndex unit) {
  finish_jobs(world, unit, kStops, JobOutcome::TimedOut, unit);
}

bool may_abort(const World& world, UnitIndex unit) {
  return world.units[unit].main_attempt != 0 && policy_of(world, unit).kill_mode != KillMode::None;
}

// The schedule has had its time.
void took_too_long(World& world, UnitIndex unit) {
  UnitRecord& record = world.edit(unit);
  if (record.reason == Reason::None) record.reason = Reason::StopTimeout;
  const bool abort = policy_of(world, unit).abort_on_timeout && may_abort(world, unit);
  abort ? begin_abort(world, unit) : kill(world, unit);
}

void run_stop_step(World& world, UnitIndex unit) {
  const UnitRecord& record = world.units[unit];
  const Policy& policy = policy_of(world, unit);
  const bool over = record.stop_step >= policy.stop_schedule.size() ||
                    policy.stop_schedule[record.stop_step].signal == kSignalKill;
  if (over && policy.kill_mode == KillMode::None && !world.shutdown) return leave_alone(world, unit);
  const bool headless = policy.kill_mode == KillMode::Mixed && record.main_attempt == 0;
  if (over && record.stop_step != 0) return took_too_long(world, unit);
  if (over || headless) return kill(world, unit);
  send_stop_signal(world, unit);
  arm(world, unit, TimerKind::Phase, world.now + bounded(world, policy.stop_schedule[record.stop_step].wait));
}

bool run_hook(World& world, UnitIndex unit, State state, std::size_t step) {
  if (!run_step(world, unit, state, step)) return false;
  arm_stop_limit(world, unit);
  return true;
}

void begin_stop_steps(World& world, UnitIndex unit) {
  if (!run_hook(world, unit, State::StopStep, 0)) begin_signals(world, unit);
}

// What post-stop has left behind is ended like anything else.
void end_post_stop(World& world, UnitIndex unit) {
  has_leftover(world, unit) ? begin_signals(world, unit) : finish_run(world, unit);
}

}  // namespace

Duration stop_limit(const World& world, UnitIndex unit) {
  return bounded(world, policy_of(world, unit).stop_timeout);
}

void begin_stop(World& world, UnitIndex unit) {
  const State state = world.units[unit].state;
  const bool whole = has_flag(world.units[unit], kCameUp);
  if (state == State::Stopping || !whole) return begin_signals(world, unit);
  kill_step(world, unit);
  if (!run_hook(world, unit, State::PreStop, 0)) begin_stop_steps(world, unit);
}

void begin_signals(World& world, UnitIndex unit) {
  set_flag(world.edit(unit), kCameUp, false);
  if (!has_leftover(world, unit)) return finish_run(world, unit);
  world.edit(unit).stop_step = 0;
  enter(world, unit, State::Stopping);
  run_stop_step(world, unit);
}

void begin_abort(World& world, UnitIndex unit) {
  if (!may_abort(world, unit)) return begin_signals(world, unit);
  set_flag(world.edit(unit), kCameUp, false);
  enter(world, unit, State::Aborting);
  send(world, unit, policy_of(world, unit).abort_signal);
  arm_stop_limit(world, unit);
}

void begin_post_stop(World& world, UnitIndex unit) {
  set_flag(world.edit(unit), kBegan, false);
  if (!run_hook(world, unit, State::PostStop, 0)) finish_run(world, unit);
}

void stop_hook_ended(World& world, UnitIndex unit, bool failed) {
  const State state = world.units[unit].state;
  const std::size_t next = world.units[unit].step + 1U;
  if (!failed && run_hook(world, unit, state, next)) return;
  switch (state) {
    case State::PreStop:
      return begin_stop_steps(world, unit);
    case State::StopStep:
      return begin_signals(world, unit);
    default: {
      UnitRecord& record = world.edit(unit);
      if (failed && record.reason == Reason::None) record.reason = Reason::PostStop;
      return end_post_stop(world, unit);
    }
  }
}

void check_end(World& world, UnitIndex unit) {
  const UnitRecord& record = world.units[unit];
  const State state = record.state;
  if (state != State::Stopping && state != State::KillWait && state != State::Aborting)
    return world.touch(unit);
  if (!has_leftover(world, unit)) return finish_run(world, unit);
  if (record.main_attempt != 0) return;
  if (state == State::Aborting) return begin_signals(world, unit);
  const bool headless = policy_of(world, unit).kill_mode == KillMode::Mixed;
  if (headless && state == State::Stopping) kill(world, unit);
}

void stop_step_over(World& world, UnitIndex unit) {
  switch (world.units[unit].state) {
    case State::Stopping:
      ++world.edit(unit).stop_step;
      return run_stop_step(world, unit);
    case State::Leaving:
    case State::PreStop:
    case State::StopStep:
      return begin_signals(world, unit);
    case State::Aborting:
    case State::PostStop:
      return kill(world, unit);
    case State::KillWait:
      world.edit(unit).reason = Reason::Unkillable;
      return fail(world, unit);
    default:
      return;
  }
}

void repeat_signal(World& world, UnitIndex unit) {
  const UnitRecord& record = world.units[unit];
  const Policy& policy = policy_of(world, unit);
  if (record.state == State::KillWait) return send_kill(world, unit);
  if (record.state == State::Aborting) return send(world, unit, policy.abort_signal);
  if (record.state == State::Stopping && record.stop_step < policy.stop_schedule.size())
    send_stop_signal(world, unit);
}

}  // namespace init::core
