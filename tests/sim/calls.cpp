// What may start a unit that nobody has asked for, dated: by the very event in which it may.
#include "tests/sim/oracle.h"
#include "tests/sim/simulation.h"

namespace init::sim {

using core::PublicState;
using core::State;
using unit::DependencyKind;

// Those that are to be started because something has failed, or ended well, in what was wanted just now; with
// all that they drag along.
std::set<std::string> Simulation::called_by_ends(const std::vector<core::Action>& actions) const {
  const Oracle oracle(units_);
  std::set<std::string> called;
  for (const core::Action& action : actions) {
    const auto* changed = std::get_if<core::StateChanged>(&action);
    const unit::Unit* unit = changed == nullptr ? nullptr : definition(name(changed->unit));
    if (unit == nullptr) continue;
    for (const unit::Dependency& d : unit->dependencies) {
      const bool at_failure = d.kind == DependencyKind::OnFailure || d.kind == DependencyKind::OnRestartLimit;
      const bool calls = (at_failure && changed->to == PublicState::Failed) ||
                         (d.kind == DependencyKind::OnSuccess && changed->to == PublicState::Inactive);
      if (calls) called.merge(oracle.reach(d.target, true));
    }
  }
  return called;
}

// Those that may run because of a unit that is wanted, is not up yet, and is prepared by them.
std::set<std::string> Simulation::called_to_prepare() const {
  std::set<std::string> called;
  for (const unit::Unit& unit : units_) {
    const core::UnitRecord& record = engine_.record(*index(unit.id));
    if (record.goal != core::Goal::Up || !core::is_down(record.state)) continue;
    for (const unit::Dependency& d : unit.dependencies) {
      if (d.kind == DependencyKind::PreparedBy) called.insert(d.target);
    }
  }
  return called;
}

// Those that a request may start, or try again.
std::set<std::string> Simulation::called_by(const core::Requested& request) const {
  const bool starts = request.verb == core::Verb::Start || request.verb == core::Verb::Restart ||
                      request.verb == core::Verb::TryRestart;
  return starts ? Oracle(units_).reach(name(request.unit), true) : std::set<std::string>();
}

// Those that run once more to prepare something, while what needs them stays up: from the moment that asks
// for it until they have stopped.
void Simulation::follow_new_runs() {
  std::erase_if(anew_, [this](const std::string& unit) {
    const auto known = index(unit);
    return !known || !core::is_stopping(engine_.record(*known).state);
  });
  for (const unit::Unit& unit : units_) {
    const core::UnitView view = engine_.view(*index(unit.id));
    const bool in_vain = view.phase == State::Blocked && view.blocked_kind == DependencyKind::PreparedBy;
    if (view.phase != State::Preparing && !in_vain) continue;
    for (const unit::Dependency& d : unit.dependencies) {
      if (d.kind == DependencyKind::PreparedBy) anew_.insert(d.target);
    }
  }
}

}  // namespace init::sim
