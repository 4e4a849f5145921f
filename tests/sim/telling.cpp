// S17: what the engine tells of itself is so: the state of a unit, whom it waits for, who wants it and why,
// and what a request would bring.
#include <algorithm>

#include "tests/sim/simulation.h"

namespace init::sim {

using core::Cause;
using core::State;
using core::UnitIndex;
using core::UnitRecord;
using core::WantedReason;
using unit::DependencyKind;

bool Simulation::is_between(const Said& said, UnitIndex a, UnitIndex b) const {
  const unit::Unit* unit = said.owner == a || said.owner == b ? definition(name(said.owner)) : nullptr;
  if (unit == nullptr || said.dependency >= unit->dependencies.size()) return false;
  const unit::Dependency& dependency = unit->dependencies[said.dependency];
  return dependency.kind == said.kind && dependency.target == name(said.owner == a ? b : a);
}

void Simulation::check_told(UnitIndex unit) {
  if (!failure_.empty()) return;
  digest_told(unit);
  const std::string also = "also-" + name(unit);
  if (index(name(unit)) != unit || (definition(name(unit)) != nullptr && index(also) != unit))
    fail("S17: " + name(unit) + " is not found by its names");
  if (!view_is_true(unit)) fail("S17: what is told of " + name(unit) + " is not so: " + shown(name(unit)));
  if (!wishes_are_true(unit)) fail("S17: " + name(unit) + " is not wanted for what is told");
  if (!chain_is_true(unit)) fail("S17: the reasons told of " + name(unit) + " are no chain");
}

bool Simulation::view_is_true(UnitIndex unit) const {
  const UnitRecord& record = engine_.record(unit);
  const core::Policy& policy = engine_.graph()->policy(unit);
  const core::UnitView view = engine_.view(unit);
  const auto at = [](std::int64_t ns) { return MonotonicTime{Duration(ns)}; };
  const auto due = [&](core::TimerKind kind) {
    const std::int64_t ns = core::deadline_of(record, kind);
    return ns == 0 ? MonotonicTime::never() : at(ns);
  };
  std::int32_t signal = record.state == State::Aborting ? policy.abort_signal : 0;
  if (record.state == State::Stopping && record.stop_step < policy.stop_schedule.size())
    signal = policy.stop_schedule[record.stop_step].signal;
  const bool waits = record.state == State::Waiting || record.state == State::Blocked ||
                     record.state == State::Preparing || record.state == State::StopWaiting;
  const bool blocked = view.blocked_by != core::kNoUnit;
  const Said why{view.blocked_owner, view.blocked_dependency, view.blocked_kind};
  if (blocked && (!waits || (view.blocked_by != unit && !is_between(why, unit, view.blocked_by))))
    return false;
  const bool refused = engine_.graph()->on_strong_cycle(unit) || !engine_.graph()->is_loaded(unit);
  const bool inferred = record.state == State::Blocked && record.reason == core::Reason::None;
  return view.state == core::public_state(record.state) && view.phase == record.state &&
         view.goal == record.goal &&
         (inferred ? (view.reason != core::Reason::None) == refused : view.reason == record.reason) &&
         view.done == ((record.flags & core::kDone) != 0) &&
         (!view.leftover || core::is_down(record.state)) && view.step == record.step &&
         view.stop_step == record.stop_step && view.stop_signal == signal &&
         view.since == at(record.since_ns) && view.started == at(record.started_ns) &&
         view.main_pid == record.main_pid && view.attempt == record.attempt &&
         view.restarts == record.restarts && view.limit == due(core::TimerKind::Phase) &&
         view.next_try == due(core::TimerKind::Restart) &&
         view.last_exit == core::Exit{record.exit_kind, record.exit_value} &&
         view.error_role == record.error_role && view.error_step == record.error_step &&
         view.error == record.error;
}

// By each who is told, and by all that require or want it.
bool Simulation::wishes_are_true(UnitIndex unit) const {
  const UnitRecord& record = engine_.record(unit);
  const std::vector<WantedReason> reasons = engine_.wanted_by(unit);
  const auto count = [&](WantedReason::Kind kind) {
    return std::count_if(reasons.begin(), reasons.end(),
                         [&](const auto& reason) { return reason.kind == kind; });
  };
  for (const WantedReason& reason : reasons) {
    if (reason.uid != (reason.kind == WantedReason::Kind::Admin ? record.admin_uid : 0)) return false;
    if (reason.kind != WantedReason::Kind::Unit) continue;
    if (engine_.record(reason.unit).goal != core::Goal::Up ||
        !is_between({reason.unit, reason.dependency, reason.dependency_kind}, reason.unit, unit))
      return false;
  }
  std::ptrdiff_t wanting = 0;
  for (const unit::Unit& other : units_) {
    if (engine_.record(*index(other.id)).goal != core::Goal::Up) continue;
    wanting += std::count_if(other.dependencies.begin(), other.dependencies.end(), [&](const auto& d) {
      const bool wants = d.kind == DependencyKind::Requires || d.kind == DependencyKind::Wants;
      return wants && d.target == name(unit) && other.id != d.target;
    });
  }
  return count(WantedReason::Kind::Unit) >= wanting &&
         count(WantedReason::Kind::Boot) == ((record.flags & core::kByBoot) != 0 ? 1 : 0) &&
         count(WantedReason::Kind::Admin) == ((record.flags & core::kByAdmin) != 0 ? 1 : 0);
}

// From whom the question is about to the one that all wait for, and from there to whoever wished it.
bool Simulation::chain_is_true(UnitIndex unit) const {
  const std::vector<Cause> chain = engine_.why(unit);
  UnitIndex next = unit;
  bool ended = false;
  for (const Cause& cause : chain) {
    const UnitRecord& record = engine_.record(cause.unit);
    const bool waits = cause.relation < Cause::Relation::Itself;
    if (cause.unit != next || cause.phase != record.state ||
        cause.reason != engine_.view(cause.unit).reason ||
        (cause.relation <= Cause::Relation::Itself) == ended)
      return false;
    const bool said = is_between({cause.owner, cause.dependency, cause.kind}, cause.unit, cause.other);
    if (!said && (waits || cause.owner != core::kNoUnit)) return false;
    if (waits && (cause.relation == Cause::Relation::StopsAfter) != (record.state == State::StopWaiting))
      return false;
    if (waits && (cause.relation == Cause::Relation::BlockedBy) != (record.state == State::Blocked))
      return false;
    if (cause.relation > Cause::Relation::Itself &&
        (cause.relation == Cause::Relation::HeldBy) != (record.goal == core::Goal::Held))
      return false;
    const bool asked =
        cause.relation == Cause::Relation::AskedBy || cause.relation == Cause::Relation::HeldBy;
    if (asked && cause.uid != record.admin_uid) return false;
    ended = ended || cause.relation == Cause::Relation::Itself;
    const bool goes_on = waits || cause.relation == Cause::Relation::PulledBy;
    if (cause.relation != Cause::Relation::Itself) next = goes_on ? cause.other : core::kNoUnit;
  }
  return ended;
}

// What runs and can be reloaded would be.
void Simulation::check_reload_plan(UnitIndex unit) {
  const core::Plan plan = engine_.plan({0, core::Verb::Reload, unit}, now_);
  digest_plan(plan);
  const core::Policy& policy = engine_.graph()->policy(unit);
  const bool can = policy.reload_signal != 0 || !policy.steps_of(core::Role::Reload).empty();
  const bool would = std::any_of(plan.steps.begin(), plan.steps.end(), [&](const core::PlanStep& step) {
    return step.unit == unit && step.verb == core::PlanStep::Verb::Reload;
  });
  if (engine_.record(unit).state == State::Running && can != would)
    fail("S17: the plan for a reload of " + name(unit) + " is another");
}

void Simulation::check_reasons(const core::Plan& plan, const core::Requested& request) {
  digest_plan(plan);
  for (const core::PlanStep& step : plan.steps) {
    if (step.owner != core::kNoUnit &&
        !is_between({step.owner, step.dependency, step.kind}, step.unit, step.cause))
      return fail("S17: a plan for " + name(request.unit) + " does not say why it moves " + name(step.unit));
  }
}

// In motion all that is sure of a plan is why it does what it does.
void Simulation::check_any_plan(Rng& dice) {
  const auto verb = static_cast<core::Verb>(dice.below(6));
  const core::Requested request{0, verb, dice.below(static_cast<std::uint32_t>(engine_.graph()->size())), 0};
  check_reasons(engine_.plan(request, now_), request);
}

// For a request that is bound to succeed, in a world where all goes well.
void Simulation::check_plan(const core::Plan& plan, const core::Requested& request, bool certain) {
  check_reasons(plan, request);
  const core::Requested of_nobody{0, request.verb, static_cast<UnitIndex>(engine_.graph()->size())};
  if (!engine_.plan(of_nobody, now_).steps.empty()) return fail("S17: a plan for nobody moves somebody");
  // What nobody may tell to end is not foreseen to end.
  const bool all_end = std::none_of(units_.begin(), units_.end(), [](const unit::Unit& unit) {
    return unit.service.kill_mode == unit::KillMode::None;
  });
  if (!certain || !all_end) return;
  if (plan.outcome != core::JobOutcome::Done)
    return fail("S17: the plan for " + name(request.unit) + " says that it does not come up");
  for (const std::string& came : came_up_) {
    const auto starts = [&](const core::PlanStep& step) {
      return step.verb == core::PlanStep::Verb::Start && name(step.unit) == came;
    };
    if (std::none_of(plan.steps.begin(), plan.steps.end(), starts))
      return fail("S17: " + came + " came up, which was not in the plan for " + name(request.unit));
  }
}

}  // namespace init::sim
