#include "libinit/core/shutdown.h"

#include "libinit/core/wishes.h"

namespace init::core {
namespace {

constexpr Verbs kShutdowns(JobVerb::Shutdown);

void cancel_all_jobs(World& world) {
  auto it = world.jobs.open.begin();
  while (it != world.jobs.open.end() && it->first.first != kNoUnit) {
    const UnitIndex unit = it->first.first;
    finish_jobs(world, unit, kStarts, JobOutcome::Canceled, kNoUnit);
    finish_jobs(world, unit, kReloads, JobOutcome::Canceled, kNoUnit);
    it = world.jobs.open.lower_bound({unit + 1, 0});
  }
}

// A unit that may take for ever to stop may not do so now.
void bound_stop(World& world, UnitIndex unit) {
  const UnitRecord& record = world.units[unit];
  if (!is_stopping(record.state) || record.state == State::StopWaiting) return;
  if (deadline_of(record, TimerKind::Phase) != 0) return;
  arm(world, unit, TimerKind::Phase, world.now + kShutdownWait);
}

}  // namespace

void begin_shutdown(World& world, PowerKind kind) {
  const bool first = !world.shutdown;
  world.shutdown = kind;
  world.jobs.changed = true;
  if (!first) return;
  cancel_all_jobs(world);
  for (UnitIndex unit = 0; unit < world.units.size(); ++unit) {
    const UnitRecord& record = world.units[unit];
    if (record.goal != Goal::Up && is_down(record.state)) continue;
    take_down(world, unit, Stop::Hold, kNoUnit);
    bound_stop(world, unit);
  }
}

void check_shutdown(World& world) {
  if (!world.shutdown || world.powered || world.busy != 0) return;
  world.powered = true;
  finish_jobs(world, kNoUnit, kShutdowns, JobOutcome::Done, kNoUnit);
  world.emit(Power{*world.shutdown});
}

}  // namespace init::core
