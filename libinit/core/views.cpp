// What the engine tells of itself.
#include "libinit/core/engine.h"
#include "libinit/core/gates.h"
#include "libinit/core/wishes.h"
#include "libinit/core/world.h"

namespace init::core {
namespace {

MonotonicTime at(std::int64_t ns) {
  return {Duration(ns)};
}
MonotonicTime deadline(std::int64_t ns) {
  return ns == 0 ? MonotonicTime::never() : at(ns);
}

void show_blocking(const World& world, UnitIndex unit, UnitView& view) {
  const Witness witness = blocking(world, unit);
  view.blocked_by = witness.unit;
  if (witness.gate == nullptr) return;
  view.blocked_kind = witness.gate->kind;
  view.blocked_owner = witness.gate->owner;
  view.blocked_dependency = witness.gate->dependency;
}

Reason shown_reason(const World& world, UnitIndex unit) {
  const UnitRecord& record = world.units[unit];
  return record.state == State::Blocked && record.reason == Reason::None ? unfit(world, unit) : record.reason;
}

Cause cause_of(const World& world, UnitIndex unit, Cause::Relation relation) {
  Cause cause;
  cause.unit = unit;
  cause.relation = relation;
  cause.phase = world.units[unit].state;
  cause.reason = shown_reason(world, unit);
  return cause;
}

Cause::Relation relation_of(State state) {
  if (state == State::Blocked) return Cause::Relation::BlockedBy;
  return state == State::StopWaiting ? Cause::Relation::StopsAfter : Cause::Relation::WaitsFor;
}

// From the unit to the one that everything waits for, which is returned.
UnitIndex follow_waits(const World& world, UnitIndex unit, std::vector<bool>& met,
                       std::vector<Cause>& chain) {
  while (true) {
    met[unit] = true;
    const Witness witness = blocking(world, unit);
    if (witness.gate == nullptr || met[witness.unit]) {
      chain.push_back(cause_of(world, unit, Cause::Relation::Itself));
      return unit;
    }
    Cause cause = cause_of(world, unit, relation_of(world.units[unit].state));
    cause.other = witness.unit;
    cause.kind = witness.gate->kind;
    cause.owner = witness.gate->owner;
    cause.dependency = witness.gate->dependency;
    chain.push_back(cause);
    unit = witness.unit;
  }
}

// The dependency through which one moves the other.
bool name_link(const World& world, Cause& cause, UnitIndex owner, UnitIndex unit, std::uint16_t atoms) {
  const Link* link = find_link(world, owner, unit, atoms);
  if (link == nullptr) return false;
  cause.owner = owner;
  cause.kind = link->kind;
  cause.dependency = link->dependency;
  return true;
}

Cause wish_of(const World& world, UnitIndex unit) {
  const UnitRecord& record = world.units[unit];
  const auto by = world.graph->find_tag(record.cause);
  if (record.goal == Goal::Held) {
    Cause cause = cause_of(world, unit, Cause::Relation::HeldBy);
    cause.other = by.value_or(kNoUnit);
    cause.uid = record.admin_uid;
    if (by && !name_link(world, cause, unit, *by, kStoppingAtoms)) {
      name_link(world, cause, *by, unit, kStoppingAtoms);
    }
    return cause;
  }
  const bool admin = has_flag(record, kByAdmin);
  if (admin || has_flag(record, kByBoot) || !by) {
    Cause cause = cause_of(
        world, unit, admin || !has_flag(record, kByBoot) ? Cause::Relation::AskedBy : Cause::Relation::Boot);
    cause.uid = record.admin_uid;
    return cause;
  }
  Cause cause = cause_of(world, unit, Cause::Relation::PulledBy);
  cause.other = *by;
  name_link(world, cause, *by, unit, kStartingAtoms);
  return cause;
}

void follow_wishes(const World& world, UnitIndex unit, std::vector<Cause>& chain) {
  std::vector<bool> met(world.units.size());
  while (unit != kNoUnit && !met[unit] && world.units[unit].goal != Goal::Idle) {
    met[unit] = true;
    chain.push_back(wish_of(world, unit));
    unit = chain.back().relation == Cause::Relation::PulledBy ? chain.back().other : kNoUnit;
  }
}

}  // namespace

UnitView Engine::view(UnitIndex unit) const {
  const World& world = *world_;
  const UnitRecord& record = world.units[unit];
  const Policy& policy = world.graph->policy(unit);
  UnitView view;
  view.state = public_state(record.state);
  view.phase = record.state;
  view.goal = record.goal;
  view.reason = shown_reason(world, unit);
  view.done = has_flag(record, kDone);
  view.leftover = is_down(record.state) && has_leftover(world, unit);
  view.step = record.step;
  view.stop_step = record.stop_step;
  if (record.state == State::Aborting) view.stop_signal = policy.abort_signal;
  if (record.state == State::Stopping && record.stop_step < policy.stop_schedule.size()) {
    view.stop_signal = policy.stop_schedule[record.stop_step].signal;
  }
  view.since = at(record.since_ns);
  view.started = at(record.started_ns);
  view.main_pid = record.main_pid;
  view.attempt = record.attempt;
  view.restarts = record.restarts;
  view.limit = deadline(deadline_of(record, TimerKind::Phase));
  view.next_try = deadline(deadline_of(record, TimerKind::Restart));
  view.last_exit = {record.exit_kind, record.exit_value};
  view.error_role = record.error_role;
  view.error_step = record.error_step;
  view.error = record.error;
  show_blocking(world, unit, view);
  return view;
}

std::vector<WantedReason> Engine::wanted_by(UnitIndex unit) const {
  const World& world = *world_;
  const UnitRecord& record = world.units[unit];
  std::vector<WantedReason> reasons;
  if (has_flag(record, kByBoot)) reasons.push_back({WantedReason::Kind::Boot});
  if (has_flag(record, kByAdmin)) reasons.push_back({WantedReason::Kind::Admin, record.admin_uid});
  for (const Link& link : world.graph->said_of(unit)) {
    if (!is_reason(link.kind) || world.units[link.unit].goal != Goal::Up) continue;
    reasons.push_back({WantedReason::Kind::Unit, 0, link.unit, link.kind, link.dependency});
  }
  return reasons;
}

std::vector<Cause> Engine::why(UnitIndex unit) const {
  std::vector<Cause> chain;
  std::vector<bool> met(world_->units.size());
  const UnitIndex last = follow_waits(*world_, unit, met, chain);
  follow_wishes(*world_, last, chain);
  return chain;
}

std::vector<JobView> Engine::jobs() const {
  std::vector<JobView> views;
  for (const auto& [key, job] : world_->jobs.open)
    views.push_back({job.id, job.verb, job.phase, job.unit, job.uid});
  return views;
}

std::array<std::uint32_t, kPublicStates> Engine::counts() const noexcept {
  return world_->counts;
}

std::uint64_t Engine::looks() const noexcept {
  return world_->looks;
}

SystemState Engine::system_state() const noexcept {
  if (world_->shutdown) return SystemState::Stopping;
  const auto count = [&](PublicState state) { return world_->counts[static_cast<std::size_t>(state)]; };
  if (count(PublicState::Failed) != 0) return SystemState::Degraded;
  for (const auto& [key, job] : world_->jobs.open) {
    if (job.verb == JobVerb::Start && has_flag(world_->units[key.first], kByBoot))
      return SystemState::Starting;
  }
  return SystemState::Running;
}

}  // namespace init::core
