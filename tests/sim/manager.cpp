// The shell around the engine, and its death: before the commit, or after it and before any of the actions.
#include <algorithm>
#include <array>
#include <cstring>

#include "libinit/base/checksum.h"
#include "tests/sim/simulation.h"

namespace init::sim {

using core::Action;
using core::UnitIndex;

void Simulation::emit(const Action& action) {
  wanted_.push_back(action);
}

void Simulation::tell(const core::Event& event) {
  if (!failure_.empty()) return;
  ++events_;
  std::vector<core::UnitRecord> before;
  for (UnitIndex unit = 0; unit < engine_.graph()->size(); ++unit) before.push_back(engine_.record(unit));
  wanted_.clear();
  const bool reload = std::holds_alternative<core::Reloaded>(event);
  const bool torn = crashes_here(Crash::When::InCommit);
  if (crashes_here(Crash::When::BeforeCommit) || torn ||
      (swarm_.crashes && faulty_ && !reload && rng_.chance(2))) {
    engine_.handle(event, now_, *this);
    if (torn) commit_part(crash_.part != 0);
    trace(torn ? "*** crash in the commit" : "*** crash before the commit");
    wanted_ = recover();
    perform();
    wanted_.clear();                         // and whoever told it tells it again
    if (reload && crash_.part != 0) return;  // or it has found the new files in force already
    before.clear();
    for (UnitIndex unit = 0; unit < engine_.graph()->size(); ++unit) before.push_back(engine_.record(unit));
  }
  Rng dice(options_.seed * 0x9e3779b97f4a7c15U + events_);
  const bool stops = std::holds_alternative<core::ShutdownRequested>(event) || stopping_;
  if (!reload && !stops && dice.chance(10)) probe_failure_action(engine_, event, dice);
  engine_.handle(event, now_, *this);
  follow_new_runs();
  check_recorded(event);
  if (!reload) check_event(event, before);
  release_called(wanted_);
  digest_event();
  commit();
  perform();
  check_always();
  probe_copies();
}

void Simulation::commit() {
  for (const UnitIndex unit : engine_.changed()) committed_[name(unit)] = engine_.record(unit);
  if (engine_.has_changed_jobs()) committed_jobs_ = engine_.job_records();
  engine_.clear_changed();
  // Of one that was answered only the answer counts.
  const auto is_known = [this](const core::JobRecord& job) {
    return job.phase == core::JobPhase::Finished ||
           std::any_of(committed_jobs_.begin(), committed_jobs_.end(), [&](const core::JobRecord& known) {
             return std::memcmp(&job, &known, sizeof(job)) == 0;
           });
  };
  const std::vector<core::JobRecord> jobs = engine_.job_records();
  if (!std::all_of(jobs.begin(), jobs.end(), is_known)) fail("S10: an unreported change of jobs");
  for (const core::JobRecord& job : jobs) {
    if (job.verb == core::JobVerb::Shutdown && (job.unit != 0 || job.cause != 0))
      fail("S10: a shutdown is kept as one of a unit");
  }
  for (UnitIndex unit = 0; unit < engine_.graph()->size(); ++unit) {
    const core::UnitRecord record = engine_.record(unit);
    const auto saved = committed_.find(name(unit));
    const core::UnitRecord blank = [&] {
      core::UnitRecord r;
      r.tag = record.tag;
      return r;
    }();
    const core::UnitRecord& known = saved == committed_.end() ? blank : saved->second;
    if (std::memcmp(&record, &known, sizeof(record)) != 0) fail("S10: an unreported change of " + name(unit));
  }
}

bool Simulation::crashes_here(Crash::When when) const {
  return crash_.when == when && crash_.event == events_;
}

// As the manager does it: answers of known jobs, then all records at once, then a new job; until then its
// request is told again.
void Simulation::commit_part(bool records) {
  const auto known = [this](const core::JobRecord& job) {
    return std::any_of(committed_jobs_.begin(), committed_jobs_.end(),
                       [&](const core::JobRecord& other) { return other.job == job.job; });
  };
  std::vector<core::JobRecord> jobs;
  for (const core::JobRecord& job : engine_.job_records()) {
    if (known(job)) jobs.push_back(job);
  }
  if (engine_.has_changed_jobs()) committed_jobs_ = jobs;
  if (!records) return;
  for (const UnitIndex unit : engine_.changed()) committed_[name(unit)] = engine_.record(unit);
}

void Simulation::perform() {
  std::vector<Action> actions = std::move(wanted_);
  wanted_.clear();
  for (std::size_t i = 0; i < actions.size() && failure_.empty();) {
    const bool here = crashes_here(Crash::When::InActions) && crash_.part == i;
    if (here) crash_.when = Crash::When::Never;
    if (here || (swarm_.crashes && faulty_ && rng_.chance(3))) {
      trace("*** crash before action " + std::to_string(i));
      actions = recover();
      i = 0;
      continue;
    }
    carry_out(actions[i++]);
  }
}

std::vector<Action> Simulation::recover() {
  ++crashes_;
  std::vector<core::UnitRecord> records;
  for (const auto& [unit, record] : committed_) records.push_back(record);
  for (const core::JobRecord& job : committed_jobs_) {
    if (job.phase == core::JobPhase::Finished) repeated_.insert(job.job);
  }
  const std::vector<core::ProcessFact> facts = machine_.facts();
  check_recorded({records, committed_jobs_, facts, options_.seed, now_});
  timers_.clear();
  machine_.questions.clear();
  wanted_.clear();
  engine_ =
      core::Engine::restore(engine_.graph(), {records, committed_jobs_, facts, options_.seed}, now_, *this);
  digest_event();
  commit();
  follow_new_runs();
  release_called(wanted_);
  for (Process& process : machine_.processes) {
    if (process.attempt == 0) continue;
    process.told_birth = true;
    process.told_exec = process.life != Process::Life::Spawning;
    process.told_end = !process.alive();
    machine_.empties[process.unit] = true;
  }
  // It looks whether anything is left of whatever may have left something, though it has never begun.
  for (UnitIndex unit = 0; unit < engine_.graph()->size(); ++unit) {
    if ((engine_.record(unit).flags & core::kGroup) != 0) machine_.empties[name(unit)] = true;
  }
  for (auto& [unit, untold] : machine_.empties) untold = true;
  std::vector<Action> actions = std::move(wanted_);
  wanted_.clear();
  return actions;
}

void Simulation::carry_out(const Action& action) {
  const auto mix = [this](std::uint64_t value) { hash_ = (hash_ ^ value) * 0x100000001b3U; };
  mix(action.index());
  if (const auto* spawn = std::get_if<core::Spawn>(&action)) {
    mix(spawn->unit * 1000003ULL + spawn->attempt);
    const std::string unit = name(spawn->unit);
    trace("    spawn " + unit + " #" + std::to_string(spawn->attempt) + " role " +
          std::to_string(static_cast<int>(spawn->role)) + " step " + std::to_string(spawn->step));
    const bool hook = core::is_stopping(engine_.record(spawn->unit).state);
    if (!hook && stopping_ && engine_.system_state() == core::SystemState::Stopping)
      fail("S9: " + unit + " is started during shutdown");
    const core::Policy& policy = engine_.graph()->policy(spawn->unit);
    const Process* living = machine_.living_main(unit);
    if (core::is_main(spawn->role) && living != nullptr && living->attempt != spawn->attempt) {
      fail("S1: " + unit + " would run twice");
    }
    machine_.spawn(unit, *spawn, policy);
  } else if (const auto* watch = std::get_if<core::WatchMain>(&action)) {
    mix(watch->unit * 1000003ULL + watch->attempt);
    trace("    watch " + std::to_string(watch->pid) + " of " + name(watch->unit) + " #" +
          std::to_string(watch->attempt));
    machine_.watch(name(watch->unit), *watch);
  } else if (const auto* probe = std::get_if<core::Probe>(&action)) {
    mix(probe->unit * 1000003ULL + probe->serial);
    machine_.questions[name(probe->unit)] = {probe->attempt, probe->which, probe->serial};
  } else if (const auto* signal = std::get_if<core::Signal>(&action)) {
    mix(signal->unit * 1000003ULL + static_cast<std::uint64_t>(signal->signal));
    trace("    signal " + std::to_string(signal->signal) + " to " + name(signal->unit));
    if (signal->attempt == 0 || !machine_.signal(name(signal->unit), *signal)) {
      if (signal->attempt == 0 || repeated_.empty()) fail("S14: a signal to nobody, " + name(signal->unit));
    }
  } else if (const auto* kill = std::get_if<core::KillGroup>(&action)) {
    mix(kill->unit);
    trace("    kill group of " + name(kill->unit));
    machine_.kill_group(name(kill->unit));
  } else if (const auto* armed = std::get_if<core::ArmTimer>(&action)) {
    mix(static_cast<std::uint64_t>(armed->deadline.since_epoch.count()));
    timers_[{name(armed->unit), armed->kind}] = {armed->deadline, armed->serial};
  } else if (const auto* canceled = std::get_if<core::CancelTimer>(&action)) {
    timers_.erase({name(canceled->unit), canceled->kind});
  } else if (const auto* changed = std::get_if<core::StateChanged>(&action)) {
    mix(changed->unit * 64ULL + static_cast<std::uint64_t>(changed->to));
    trace("    " + name(changed->unit) + " is " + std::string(core::name(changed->to)));
    if (changed->to == core::PublicState::Active && changed->from != core::PublicState::Reloading)
      came_up_.insert(name(changed->unit));
  } else if (const auto* finished = std::get_if<core::JobFinished>(&action)) {
    mix(finished->job * 8 + static_cast<std::uint64_t>(finished->outcome));
    trace("    job " + std::to_string(finished->job) +
          " ends: " + std::to_string(static_cast<int>(finished->outcome)));
    const auto job = jobs_.find(finished->job);
    if (job == jobs_.end()) return;
    if (job->second.outcome &&
        (repeated_.count(finished->job) == 0 || *job->second.outcome != finished->outcome)) {
      fail("S6: job " + std::to_string(finished->job) + " is answered twice");
    }
    job->second.outcome = finished->outcome;
  } else if (std::holds_alternative<core::Power>(action)) {
    trace("    power");
    if (!stopping_) fail("power without a shutdown");
    powered_ = true;
  }
}

}  // namespace init::sim
