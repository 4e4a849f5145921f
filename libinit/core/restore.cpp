#include "libinit/core/restore.h"

#include <algorithm>

#include "libinit/core/ending.h"
#include "libinit/core/service.h"
#include "libinit/core/stopping.h"

namespace init::core {
namespace {

std::uint64_t tag_of(const World& world, UnitIndex unit) {
  return unit == kNoUnit ? 0 : world.graph->tag(unit);
}

UnitIndex unit_of(const World& world, std::uint64_t tag) {
  return world.graph->find_tag(tag).value_or(kNoUnit);
}

JobRecord save_job(const World& world, const Job& job) {
  JobRecord record;
  record.job = job.id;
  record.unit = tag_of(world, job.unit);
  record.cause = tag_of(world, job.cause);
  record.uid = job.uid;
  record.verb = job.verb;
  record.phase = job.phase;
  record.outcome = job.outcome;
  if (world.shutdown) record.power = *world.shutdown;
  return record;
}

bool is_sound(const UnitRecord& record) {
  return static_cast<std::size_t>(record.state) < kStates && record.goal <= Goal::Held &&
         record.reason <= Reason::OutOfMemory && record.end <= End::StartFailed &&
         record.exit_kind <= Exit::Kind::Dumped;
}

void load_units(World& world, std::span<const UnitRecord> records) {
  for (const UnitRecord& record : records) {
    const UnitIndex unit = unit_of(world, record.tag);
    if (unit != kNoUnit && is_sound(record)) take_up(world, unit, record);
  }
}

// The answer may not have gone out; nor may, before it, the signal that was the whole reload.
void repeat_answer(World& world, const Job& job) {
  if (job.verb == JobVerb::Reload && job.outcome == JobOutcome::Done && job.unit != kNoUnit) {
    const Policy& policy = world.graph->policy(job.unit);
    const UnitRecord& record = world.units[job.unit];
    if (policy.steps_of(Role::Reload).empty() && record.main_attempt != 0) {
      world.emit(Signal{job.unit, record.main_attempt, policy.reload_signal, SignalTarget::Main});
    }
  }
  if (job.outcome == JobOutcome::Skipped && job.unit != kNoUnit) {  // its wish ended with the answer
    set_flag(world.edit(job.unit), kByAdmin, false);
    set_flag(world.edit(job.unit), kByBoot, false);
  }
  world.jobs.finished.push_back(job);
  world.emit(JobFinished{job.id, job.unit, job.outcome, job.cause});
}

void load_job(World& world, const JobRecord& record) {
  Job job;
  job.id = record.job;
  job.verb = record.verb;
  job.phase = record.phase;
  job.unit = unit_of(world, record.unit);
  job.uid = record.uid;
  job.outcome = record.outcome;
  job.cause = unit_of(world, record.cause);
  if (job.verb == JobVerb::Shutdown) world.shutdown = record.power;
  if (job.id == 0) return;
  if (job.phase == JobPhase::Finished) return repeat_answer(world, job);
  if (job.unit == kNoUnit && job.verb != JobVerb::Shutdown) {
    job.phase = JobPhase::Finished;
    job.outcome = JobOutcome::Canceled;
    world.jobs.changed = true;
    return repeat_answer(world, job);
  }
  world.jobs.open[{job.unit, job.id}] = job;
}

// Facts by unit and attempt.
class Facts {
 public:
  explicit Facts(std::span<const ProcessFact> facts) {
    for (const ProcessFact& fact : facts) sorted_.push_back(&fact);
    std::stable_sort(sorted_.begin(), sorted_.end(), before);
  }

  [[nodiscard]] const ProcessFact* find(std::uint64_t tag, Attempt attempt) const {
    ProcessFact key;
    key.tag = tag;
    key.attempt = attempt;
    const auto found = std::lower_bound(sorted_.begin(), sorted_.end(), &key, before);
    if (found == sorted_.end() || before(&key, *found)) return nullptr;
    return *found;
  }

 private:
  static bool before(const ProcessFact* a, const ProcessFact* b) {
    return a->tag != b->tag ? a->tag < b->tag : a->attempt < b->attempt;
  }
  std::vector<const ProcessFact*> sorted_;
};

void learn(World& world, UnitIndex unit, const ProcessFact& fact) {
  switch (fact.state) {
    case ProcessFact::State::Running:
      on_spawned(world, {unit, fact.attempt, fact.pid});
      return on_exec_succeeded(world, {unit, fact.attempt});
    case ProcessFact::State::Spawning:
      return on_spawned(world, {unit, fact.attempt, fact.pid});
    case ProcessFact::State::Exited:
      on_spawned(world, {unit, fact.attempt, fact.pid});  // what is left of it has a leader
      return on_exited(world, {unit, fact.attempt, fact.exit, fact.group_empty});
    case ProcessFact::State::Failed:
      return on_spawn_failed(world,
                             {unit, fact.attempt, fact.failure, fact.step, fact.error, fact.group_empty});
  }
}

// It was found, and PID 1 has not heard of it: whatever has become of the unit, PID 1 shall say what became
// of that process, which nobody else could end.
bool watch_again(World& world, UnitIndex unit, const Facts& facts) {
  const UnitRecord& record = world.units[unit];
  if (record.main_attempt == 0 || !has_flag(record, kFound)) return false;
  if (facts.find(record.tag, record.main_attempt) != nullptr) return false;
  world.emit(WatchMain{unit, record.main_attempt, record.state == State::Forking ? 0 : record.main_pid});
  return true;
}

void learn_attempt(World& world, UnitIndex unit, Attempt attempt, const Facts& facts) {
  // A spawn that waits for resources has no process: its timer is armed instead.
  if (attempt == 0) return;
  const ProcessFact* fact = facts.find(world.units[unit].tag, attempt);
  fact != nullptr ? learn(world, unit, *fact) : repeat_spawn(world, unit, attempt);
}

}  // namespace

std::vector<JobRecord> save_jobs(const World& world) {
  std::vector<JobRecord> records;
  if (world.shutdown) {
    Job shutdown;
    shutdown.verb = JobVerb::Shutdown;
    records.push_back(save_job(world, shutdown));
  }
  for (const auto& [key, job] : world.jobs.open) records.push_back(save_job(world, job));
  for (const Job& job : world.jobs.finished) records.push_back(save_job(world, job));
  return records;
}

void restore_world(World& world, const Engine::Saved& saved) {
  load_units(world, saved.units);
  for (const JobRecord& job : saved.jobs) load_job(world, job);
  const Facts facts(saved.processes);
  for (UnitIndex unit = 0; unit < world.units.size(); ++unit) {
    const UnitRecord before = world.units[unit];
    arm_again(world, unit);
    const bool watched = watch_again(world, unit, facts);
    // The reload step first: the end of the main process would signal it.
    learn_attempt(world, unit, before.control_attempt, facts);
    if (!watched) learn_attempt(world, unit, before.main_attempt, facts);
    const UnitRecord& after = world.units[unit];
    if (after.state == before.state && after.since_ns == before.since_ns) repeat_signal(world, unit);
    world.touch(unit);
  }
}

}  // namespace init::core
