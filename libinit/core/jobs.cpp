#include "libinit/core/jobs.h"

#include "libinit/core/world.h"

namespace init::core {
namespace {

template <class Use>
void each_job(World& world, UnitIndex unit, Use use) {
  auto it = world.jobs.open.lower_bound({unit, 0});
  while (it != world.jobs.open.end() && it->first.first == unit) {
    const auto next = std::next(it);
    use(it->second);
    it = next;
  }
}

void went_up(World& world, UnitIndex unit) {
  each_job(world, unit, [&](Job& job) {
    if (kStarts.contains(job.verb) && job.phase == JobPhase::Underway)
      finish_job(world, job, JobOutcome::Done, unit);
  });
}

void went_down(World& world, UnitIndex unit) {
  const UnitRecord& record = world.units[unit];
  finish_jobs(world, unit, kReloads, JobOutcome::Failed, unit);
  finish_jobs(world, unit, kStops,
              record.state == State::Failed && record.reason == Reason::Unkillable ? JobOutcome::Failed
                                                                                   : JobOutcome::Done,
              unit);
  each_job(world, unit, [&](Job& job) {
    if (job.phase != JobPhase::Pending) return;
    job.phase = JobPhase::Underway;
    world.jobs.changed = true;
  });
}

void start_ended(World& world, UnitIndex unit) {
  const UnitRecord& record = world.units[unit];
  const bool late = is_late(record.reason);
  switch (record.state) {
    case State::Failed:
      return finish_jobs(world, unit, kStarts, late ? JobOutcome::TimedOut : JobOutcome::Failed, unit);
    case State::Inactive:
      if (record.goal == Goal::Up) return;
      return finish_jobs(world, unit, kStarts,
                         (record.flags & kDone) != 0 ? JobOutcome::Done : JobOutcome::Canceled, unit);
    case State::Blocked: {
      const Witness witness = blocking(world, unit);
      const auto first = world.jobs.open.lower_bound({unit, 0});
      const bool asked = first != world.jobs.open.end() && first->first.first == unit;
      if (witness.checks_only && asked) {  // who asked has the answer, and wants no more
        set_flag(world.edit(unit), kByAdmin, false);
        set_flag(world.edit(unit), kByBoot, false);
      }
      return finish_jobs(world, unit, kStarts,
                         witness.checks_only ? JobOutcome::Skipped : JobOutcome::Blocked, witness.unit);
    }
    default:
      return;
  }
}

}  // namespace

void add_job(World& world, const Job& job) {
  if (job.id == 0) return;
  world.jobs.open[{job.unit, job.id}] = job;
  world.jobs.changed = true;
}

void finish_job(World& world, const Job& job, JobOutcome outcome, UnitIndex cause) {
  Job done = job;
  done.phase = JobPhase::Finished;
  done.outcome = outcome;
  done.cause = cause;
  world.jobs.open.erase({job.unit, job.id});
  world.jobs.finished.push_back(done);
  world.jobs.changed = true;
  world.emit(JobFinished{done.id, done.unit, outcome, cause});
}

void finish_jobs(World& world, UnitIndex unit, Verbs verbs, JobOutcome outcome, UnitIndex cause) {
  each_job(world, unit, [&](Job& job) {
    if (verbs.contains(job.verb)) finish_job(world, job, outcome, cause);
  });
}

void follow_jobs(World& world, UnitIndex unit) {
  const State state = world.units[unit].state;
  if (is_up(state)) return went_up(world, unit);
  if (!is_down(state)) return;
  went_down(world, unit);
  start_ended(world, unit);
}

bool finish_reload(World& world, UnitIndex unit, JobOutcome outcome) {
  bool again = false;
  each_job(world, unit, [&](Job& job) {  // nobody waits for anything else of a unit that reloads
    if (job.phase == JobPhase::Underway) return finish_job(world, job, outcome, unit);
    job.phase = JobPhase::Underway;
    world.jobs.changed = true;
    again = true;
  });
  return again;
}

void drop_job(World& world, JobId id) {
  for (auto it = world.jobs.open.begin(); it != world.jobs.open.end(); ++it) {
    if (it->second.id != id || it->second.verb == JobVerb::Shutdown) continue;
    world.jobs.open.erase(it);
    world.jobs.changed = true;
    return;
  }
}

}  // namespace init::core
