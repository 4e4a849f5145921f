#include "libinit/core/ending.h"

#include <algorithm>

#include "libinit/core/policy.h"
#include "libinit/core/service.h"
#include "libinit/core/shutdown.h"
#include "libinit/core/stopping.h"
#include "libinit/core/wishes.h"

namespace init::core {
namespace {

const Policy& policy_of(const World& world, UnitIndex unit) {
  return world.graph->policy(unit);
}

// The same for the same unit and attempt on one machine; SplitMix64's finalizer.
std::uint64_t noise(const World& world, const UnitRecord& record) {
  std::uint64_t x = record.tag ^ (world.seed + record.attempt * 0x9e3779b97f4a7c15U);
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31U);
}

Exit last_exit(const UnitRecord& record) {
  return {record.exit_kind, record.exit_value};
}

// Starts what is to be started at this end of the unit.
void call(World& world, UnitIndex unit, Atom end) {
  if (world.shutdown) return;
  for (const Link& link : world.graph->says(unit)) {
    if (has(link.kind, end)) want(world, link.unit, 0, unit);
  }
}

// Those that are to be started when it fails hear of it once in a series of failures.
void announce_failure(World& world, UnitIndex unit) {
  if (world.shutdown || has_flag(world.units[unit], kAnnounced)) return;
  set_flag(world.edit(unit), kAnnounced, true);
  call(world, unit, Atom::AfterFailure);
}

void act_on_failure(World& world, unit::FailureAction action) {
  switch (action) {
    case unit::FailureAction::None:
      return;
    case unit::FailureAction::Reboot:
      return begin_shutdown(world, PowerKind::Reboot);
    case unit::FailureAction::Poweroff:
      return begin_shutdown(world, PowerKind::Poweroff);
    case unit::FailureAction::Exit:
      return begin_shutdown(world, PowerKind::Exit);
  }
}

// Counts one more automatic start; false if that is one too many.
bool within_limit(World& world, UnitIndex unit) {
  const Policy& policy = policy_of(world, unit);
  if (policy.burst == 0) return true;
  UnitRecord& record = world.edit(unit);
  const std::int64_t now = world.now.since_epoch.count();
  if (record.window_count == 0 || now - record.window_ns >= policy.limit_interval.count()) {
    record.window_ns = now;
    record.window_count = 0;
  }
  if (record.window_count >= policy.burst) return false;
  ++record.window_count;
  return true;
}

void forgive(World& world, UnitIndex unit) {
  UnitRecord& record = world.edit(unit);
  const Duration ran{world.now.since_epoch.count() - record.started_ns};
  if (record.end != End::Own || ran < policy_of(world, unit).restart_reset_after) return;
  record.backoff = 0;
  set_flag(record, kAnnounced, false);
}

// Its condition said no: whoever asked has the answer, and what needs it goes on without.
void skip(World& world, UnitIndex unit) {
  set_flag(world.edit(unit), kSkipped, true);
  finish_jobs(world, unit, kStarts, JobOutcome::Skipped, unit);
  fulfil(world, unit);
}

// The run is over, by itself, and nothing of it is left.
void conclude(World& world, UnitIndex unit) {
  UnitRecord& record = world.edit(unit);
  const Policy& policy = policy_of(world, unit);
  if (record.reason == Reason::ConditionUnmet) return skip(world, unit);
  const bool well = record.reason == Reason::None;
  const bool work_done = well && policy.oneshot;
  if (work_done && has_flag(record, kRerun)) {
    set_flag(record, kRerun, false);
    return enter(world, unit, State::Waiting);
  }
  set_flag(record, kDone, work_done);
  if (work_done) finish_jobs(world, unit, kStarts, JobOutcome::Done, unit);
  if (!well) finish_jobs(world, unit, kStarts, JobOutcome::Failed, unit);
  const bool upheld = !work_done && upholder(world, unit) != kNoUnit;
  const bool again = upheld || wants_restart(policy, record.reason, last_exit(record));
  if (again && record.goal == Goal::Up && !world.shutdown) return schedule_restart(world, unit);
  if (!well) return fail(world, unit);
  fulfil(world, unit);
  call(world, unit, Atom::AfterSuccess);
}

// A run that is past its time, unhealthy or starved is stopped as by request; a hung one may leave a core.
void begin_end(World& world, UnitIndex unit, Reason reason) {
  const bool late = is_late(reason) && policy_of(world, unit).abort_on_timeout;
  if (late || reason == Reason::Watchdog) return begin_abort(world, unit);
  const UnitRecord& record = world.units[unit];
  const bool starved = reason == Reason::OutOfMemory && is_up(record.state) && record.main_attempt != 0;
  const bool gentle = reason == Reason::RunTimeout || reason == Reason::Unhealthy || starved;
  gentle ? begin_stop(world, unit) : begin_signals(world, unit);
}

}  // namespace

Reason reason_of(const Exited& event) noexcept {
  if (event.out_of_memory) return Reason::OutOfMemory;
  return event.exit.kind == Exit::Kind::Code ? Reason::ExitCode : Reason::Signal;
}

void fail(World& world, UnitIndex unit) {
  enter(world, unit, State::Failed);
  announce_failure(world, unit);
  if (!world.shutdown) act_on_failure(world, world.graph->failure_action(unit));
}

void end_run(World& world, UnitIndex unit, Reason reason) {
  UnitRecord& record = world.edit(unit);
  const Policy& policy = policy_of(world, unit);
  const State state = record.state;
  const bool prepared = state != State::PreStart && state != State::Condition;
  const bool ran = is_up(state) || state == State::Leaving || (policy.oneshot && prepared);
  record.reason = reason;
  record.end = ran ? End::Own : End::StartFailed;
  if (reason == Reason::None && policy.remain_after_exit && !has_flag(record, kRerun)) {
    set_flag(record, kDone, policy.oneshot);
    return bring_up(world, unit);
  }
  if (reason != Reason::None && reason != Reason::ConditionUnmet)
    finish_jobs(world, unit, kStarts, is_late(reason) ? JobOutcome::TimedOut : JobOutcome::Failed, unit);
  begin_end(world, unit, reason);
  if (is_up(state)) suspend_bound(world, unit);  // which may lead back to it: it ends already
}

void finish_run(World& world, UnitIndex unit) {
  UnitRecord& record = world.edit(unit);
  if (has_flag(record, kBegan)) return begin_post_stop(world, unit);
  if (record.end != End::Asked) return conclude(world, unit);
  record.end = End::None;
  record.reason = Reason::None;
  enter(world, unit, State::Inactive);
}

void schedule_restart(World& world, UnitIndex unit) {
  forgive(world, unit);
  UnitRecord& record = world.edit(unit);
  if (!within_limit(world, unit)) {
    record.reason = Reason::RestartLimit;
    fail(world, unit);
    call(world, unit, Atom::AtLimit);
    if (!world.shutdown) act_on_failure(world, policy_of(world, unit).limit_action);
    return;
  }
  const Duration delay = restart_delay(policy_of(world, unit), record.backoff, noise(world, record));
  ++record.restarts;
  if (record.backoff < 255) ++record.backoff;
  const bool quick = delay <= kShortBackoff;
  enter(world, unit, quick ? State::Backoff : State::LongBackoff);
  arm(world, unit, TimerKind::Restart, world.now + delay);
  if (!quick) announce_failure(world, unit);
}

}  // namespace init::core
