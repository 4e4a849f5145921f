#include "libinit/core/reconcile.h"

#include "libinit/core/gates.h"
#include "libinit/core/readiness.h"
#include "libinit/core/service.h"
#include "libinit/core/stopping.h"
#include "libinit/core/wishes.h"

namespace init::core {
namespace {

bool must_be_prepared(const World& world, UnitIndex unit) {
  for (const Link& link : world.graph->says(unit)) {
    if (has(link.kind, Atom::RunsAnew)) return true;
  }
  return false;
}

void prepare(World& world, UnitIndex unit) {
  enter(world, unit, State::Preparing);
  for (const Link& link : world.graph->says(unit)) {
    if (has(link.kind, Atom::RunsAnew)) run_anew(world, link.unit, unit);
  }
}

Verdict check_and_pull(World& world, UnitIndex unit) {
  Verdict verdict = check_start(world, unit);
  while (verdict == Verdict::Pull) {
    pull(world, world.graph->start_gates(unit)[world.derived[unit].cursor].unit, unit);
    verdict = check_start(world, unit);
  }
  return verdict;
}

void stay(World& world, UnitIndex unit, State state) {
  if (world.units[unit].state != state) enter(world, unit, state);
}

// What was left alone under another kill-mode, or has survived KILL once, is ended before it runs again; not
// if it can never run.
bool clean_up(World& world, UnitIndex unit) {
  if (!has_leftover(world, unit) || unfit(world, unit) != Reason::None) return false;
  world.edit(unit).end = End::Asked;
  begin_stop(world, unit);
  return true;
}

void try_start(World& world, UnitIndex unit) {
  if (clean_up(world, unit)) return;
  const Verdict verdict = check_and_pull(world, unit);
  if (verdict == Verdict::Block) {
    stay(world, unit, State::Blocked);
    // A requisite was only checked: whoever asked has the answer, and the wish ends with it.
    if (blocking(world, unit).checks_only && !is_needed(world, unit)) fulfil(world, unit);
    return;
  }
  const bool preparing = world.units[unit].state == State::Preparing;
  if (verdict != Verdict::Open) return stay(world, unit, preparing ? State::Preparing : State::Waiting);
  preparing || !must_be_prepared(world, unit) ? begin_start(world, unit) : prepare(world, unit);
}

void look_at_inactive(World& world, UnitIndex unit) {
  if (world.units[unit].goal == Goal::Up) return enter(world, unit, State::Waiting);
  if (is_usable(world, unit) || !may_pull(world, unit)) return;
  if (const UnitIndex by = upholder(world, unit); by != kNoUnit) pull(world, unit, by);
}

void look(World& world, UnitIndex unit) {
  const UnitRecord& record = world.units[unit];
  switch (record.state) {
    case State::Inactive:
      if (!world.shutdown) look_at_inactive(world, unit);
      return;
    case State::Waiting:
    case State::Blocked:
    case State::Preparing:
      return try_start(world, unit);
    case State::StopWaiting:
      if (check_stop(world, unit) == Verdict::Open) begin_stop(world, unit);
      return;
    case State::Forking:
    case State::Readying:
    case State::Running:
      return check_readiness(world, unit);
    case State::Stopping:
    case State::Aborting:
    case State::KillWait:  // after a reload: another kill-mode may be content, or go on, with what is left
      return check_end(world, unit);
    case State::Failed:
      if (record.reason == Reason::Unkillable && record.goal == Goal::Up && !has_leftover(world, unit)) {
        enter(world, unit, State::Waiting);
      }
      return;
    default:
      return;
  }
}

void look_at_all(World& world) {
  while (world.dirty_head < world.dirty.size()) {
    const UnitIndex unit = world.dirty[world.dirty_head++];
    world.derived[unit].dirty = false;
    ++world.looks;
    look(world, unit);
  }
  world.dirty.clear();
  world.dirty_head = 0;
}

}  // namespace

void settle(World& world) {
  do {
    look_at_all(world);
  } while (release_idle(world));
}

}  // namespace init::core
