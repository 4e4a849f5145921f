// S10: wherever the manager dies, the world comes to the same end. One script is played without a crash, then
// again for each event with a crash there.
#include "tests/sim/convergence.h"

#include <cstdio>

#include "libinit/core/policy.h"
#include "tests/sim/simulation.h"
#include "tests/sim/topology.h"

namespace init::sim {
namespace {

constexpr int kScriptLength = 8, kReloads = 2;

std::string difference(const End& expected, const End& found) {
  if (!found.failure.empty()) return found.failure;
  for (const auto& [unit, state] : expected.units) {
    const auto other = found.units.find(unit);
    if (other == found.units.end()) return unit + " is gone";
    if (other->second != state) return unit + " is " + other->second + ", not " + state;
  }
  for (const auto& [job, outcome] : expected.jobs) {
    if (found.jobs.at(job) != outcome) {
      return "job " + std::to_string(job) + " ends with " + std::to_string(found.jobs.at(job)) + ", not " +
             std::to_string(outcome);
    }
  }
  return {};
}

}  // namespace

void Simulation::play_one(Rng& script) {
  constexpr core::Verb kVerbs[] = {core::Verb::Start, core::Verb::Start,   core::Verb::Start,
                                   core::Verb::Stop,  core::Verb::Restart, core::Verb::Reload};
  const std::uint32_t unit = script.below(static_cast<std::uint32_t>(units_.size()));
  const core::Verb verb = kVerbs[script.below(6)];
  if (script.chance(30)) return machine_.crash_main(units_[unit].id);
  core::Requested request{++last_job_, verb, *index(units_[unit].id), 0};
  jobs_[request.job] = {verb, units_[unit].id, {}};
  tell(request);
}

// One unit comes, goes or changes; or nothing does.
void Simulation::play_reload(Rng& script) {
  if (script.chance(75)) return reload(script);
  timers_.clear();
  tell(core::Reloaded{graph_of(units_)});
}

End Simulation::play(const Crash& crash) {
  crash_ = crash;
  faulty_ = false;
  machine_.heal();
  machine_.orderly = true;
  Rng script(options_.seed + 7);
  for (const unit::Unit& unit : units_) {
    const bool again = core::wants_restart(core::make_policy(unit), core::Reason::Setup, {});
    if (script.chance(15) && !again) machine_.broken.insert(unit.id);
  }
  trace_units();
  End end;
  for (int i = 0; i < kScriptLength && failure_.empty(); ++i) {
    play_one(script);
    rest();
  }
  note(end, "");
  for (int i = 0; i < kReloads && failure_.empty(); ++i) {
    play_one(script);
    play_reload(script);  // in motion
    rest();
  }
  note(end, " after the reloads");
  if (script.chance(50)) shut_down();
  note(end, " at the end");
  return end;
}

void Simulation::note(End& end, const std::string& stage) const {
  for (const unit::Unit& unit : units_) {
    const core::UnitView view = engine_.view(*index(unit.id));
    end.units[unit.id + stage] = std::string(core::name(view.state)) + (view.done ? ", done" : "") +
                                 ", wish " + std::to_string(static_cast<int>(view.goal));
  }
  for (const auto& [id, job] : jobs_) end.jobs[id] = job.outcome ? static_cast<int>(*job.outcome) : -1;
  end.events = events_;
  end.failure = failure_;
}

std::string check_convergence(std::uint64_t seed, bool simple, std::uint64_t& runs) {
  const auto play = [&](const Crash& crash) {
    ++runs;
    return Simulation({seed, 0, false, simple}).play(crash);
  };
  const End expected = play({});
  // Two that are kept up and cannot be are tried for ever: that is no end to compare.
  if (expected.failure == "S7: does not come to rest") return {};
  if (!expected.failure.empty()) return "without a crash: " + expected.failure;
  for (std::uint64_t event = 1; event <= expected.events; ++event) {
    for (const Crash::When when :
         {Crash::When::BeforeCommit, Crash::When::InCommit, Crash::When::InActions}) {
      const Crash crash{when, event, (seed + event) % (when == Crash::When::InCommit ? 2 : 3)};
      const std::string what = difference(expected, play(crash));
      if (!what.empty()) {
        return "crash " + std::to_string(static_cast<int>(when)) + "," + std::to_string(event) + "," +
               std::to_string(crash.part) + ": " + what;
      }
    }
  }
  return {};
}

}  // namespace init::sim
