// Stop, exit and restart in any order, and the manager's own deaths among them: the last word on each unit
// decides where it comes to rest.
#include "tests/sim/simulation.h"

namespace init::sim {

using core::Verb;
using std::chrono::milliseconds;

// What is asked for needs what it requires; what is stopped takes along, for as long, what requires it.
void Simulation::ask_in_race(std::set<std::string>& wanted) {
  constexpr Verb kVerbs[] = {Verb::Start,   Verb::Stop,    Verb::Stop,
                             Verb::Restart, Verb::Restart, Verb::TryRestart};
  const std::string unit = units_[rng_.below(static_cast<std::uint32_t>(units_.size()))].id;
  core::Requested request{++last_job_, kVerbs[rng_.below(6)], *index(unit), 0};
  jobs_[request.job] = {request.verb, unit, {}};
  if (request.verb == Verb::Stop) {
    wanted.erase(unit);
  } else if (request.verb != Verb::TryRestart) {
    wanted.insert(unit);
    wanted.insert("a.service");
  }
  tell(request);
}

Verdict Simulation::race() {
  trace_units();
  std::set<std::string> wanted;
  const std::uint32_t length = 20 + rng_.below(60);
  for (std::uint32_t i = 0; i < length && failure_.empty(); ++i) {
    const std::uint32_t dice = rng_.below(100);
    if (dice < 30) {
      ask_in_race(wanted);
    } else if (dice < 40) {
      machine_.crash_main(units_[rng_.below(static_cast<std::uint32_t>(units_.size()))].id);
    } else if (dice < 90) {
      if (rng_.chance(50) || !deliver_something()) machine_.act();
    } else {
      pass_time(milliseconds(rng_.below(400)));
    }
  }
  rest();
  for (const unit::Unit& unit : units_) {
    const bool up = wanted.count(unit.id) != 0 && wanted.count("a.service") != 0;
    if (failure_.empty() && is_up_or_done(unit.id) != up)
      fail(unit.id + (up ? " was asked for last, and is " : " was stopped last, and is ") + shown(unit.id));
  }
  return {failure_, hash_, events_, digest_};
}

}  // namespace init::sim
