#include "libinit/core/gates.h"

#include <algorithm>

namespace init::core {
namespace {

// On its way up by itself: it needs nobody's help to get there or to fail.
bool is_coming(const World& world, UnitIndex unit) {
  const UnitRecord& record = world.units[unit];
  if (is_starting(record.state)) return true;
  if (record.goal != Goal::Up) return false;
  return record.state == State::Inactive || record.state == State::Waiting ||
         record.state == State::Preparing || record.state == State::Backoff;
}

Verdict settled(const World& world, UnitIndex unit) {
  if (is_usable(world, unit)) return Verdict::Open;
  return is_coming(world, unit) || is_stopping(world.units[unit].state) ? Verdict::Wait : Verdict::Open;
}

// For a requirement that is down and not on its way.
Verdict missing(const World& world, const Gate& gate) {
  const UnitRecord& record = world.units[gate.unit];
  const bool idle = record.goal == Goal::Idle && record.state == State::Inactive;
  if (idle && has(gate.kind, Atom::PullsStart) && may_pull(world, gate.unit)) return Verdict::Pull;
  return Verdict::Block;
}

Verdict usable(const World& world, const Gate& gate) {
  if (is_usable(world, gate.unit)) return Verdict::Open;
  if (is_coming(world, gate.unit) || is_stopping(world.units[gate.unit].state)) return Verdict::Wait;
  return missing(world, gate);
}

// Without an order only what is certain to be missing counts; a blocked unit may be blocked by this very one.
Verdict hopeful(const World& world, const Gate& gate) {
  const UnitRecord& record = world.units[gate.unit];
  if (is_usable(world, gate.unit)) return Verdict::Open;
  if (unfit(world, gate.unit) != Reason::None) return Verdict::Block;
  if (is_coming(world, gate.unit)) return Verdict::Open;
  if (record.state == State::Blocked) return Verdict::Open;
  if (is_stopping(record.state)) return record.goal == Goal::Up ? Verdict::Open : Verdict::Wait;
  return missing(world, gate);
}

// What is excluded has been told to stop, unless a reload has brought the exclusion.
Verdict down(const World& world, UnitIndex unit) {
  const UnitRecord& record = world.units[unit];
  if (is_stopping(record.state)) return Verdict::Wait;
  if (!is_down(record.state)) return Verdict::Block;
  return record.reason == Reason::Unkillable && has_leftover(world, unit) ? Verdict::Block : Verdict::Open;
}

// Is a unit wanted that must not be up together with this one?
bool is_excluded(const World& world, UnitIndex unit) {
  const auto excludes = [&](const Link& link) {
    return has(link.kind, Atom::Excludes) && world.units[link.unit].goal == Goal::Up;
  };
  const auto says = world.graph->says(unit), said_of = world.graph->said_of(unit);
  return std::any_of(says.begin(), says.end(), excludes) ||
         std::any_of(said_of.begin(), said_of.end(), excludes);
}

// Before Preparing: nothing is known that keeps it from running. What a request has stopped waits for another
// one.
Verdict can_run_anew(const World& world, UnitIndex unit) {
  if (unfit(world, unit) != Reason::None || is_excluded(world, unit)) return Verdict::Block;
  if (world.units[unit].goal == Goal::Held && world.units[unit].cause == 0) return Verdict::Block;
  if (is_stopping(world.units[unit].state)) return Verdict::Wait;
  switch (world.units[unit].state) {
    case State::Blocked:
    case State::Failed:
    case State::LongBackoff:
      return Verdict::Block;
    case State::Backoff:
      return Verdict::Wait;
    default:
      return Verdict::Open;
  }
}

Verdict prepared(const World& world, const Gate& gate) {
  const UnitRecord& record = world.units[gate.unit];
  if (is_usable(world, gate.unit) && !has_flag(record, kRerun)) return Verdict::Open;
  return is_coming(world, gate.unit) || is_stopping(record.state) ? Verdict::Wait : Verdict::Block;
}

Verdict start_verdict(const World& world, const Gate& gate) {
  switch (gate.need) {
    case Gate::Need::Settled:
      return settled(world, gate.unit);
    case Gate::Need::Usable:
      return usable(world, gate);
    case Gate::Need::Hopeful:
      return hopeful(world, gate);
    case Gate::Need::Down:
      return down(world, gate.unit);
    case Gate::Need::Prepared:
      return world.units[gate.owner].state == State::Preparing ? prepared(world, gate)
                                                               : can_run_anew(world, gate.unit);
  }
  return Verdict::Open;
}

// Down for the order of stopping: what stays up is not waited for, and what cannot be killed no longer.
Verdict stop_verdict(const World& world, const Gate& gate) {
  return is_stopping(world.units[gate.unit].state) ? Verdict::Wait : Verdict::Open;
}

// At the gates of order alone, those from `first` on: from the cursor on, once around, up to one that is
// closed.
template <class Judge>
Verdict look_around(World& world, UnitIndex unit, std::span<const Gate> gates, std::size_t first,
                    Judge judge) {
  const std::uint32_t begin = static_cast<std::uint32_t>(first);
  std::uint32_t& cursor = world.derived[unit].cursor;
  cursor = std::max(cursor, begin);
  if (cursor >= gates.size()) cursor = begin;
  for (std::size_t seen = first; seen < gates.size(); ++seen) {
    const Verdict verdict = judge(world, gates[cursor]);
    if (verdict != Verdict::Open) return verdict;
    cursor = cursor + 1 == gates.size() ? begin : cursor + 1;
  }
  return Verdict::Open;
}

}  // namespace

Reason unfit(const World& world, UnitIndex unit) {
  if (!world.graph->is_loaded(unit)) return Reason::NotLoaded;
  if (world.graph->on_strong_cycle(unit)) return Reason::Cycle;
  return Reason::None;
}

Verdict check_start(World& world, UnitIndex unit) {
  if (unfit(world, unit) != Reason::None) return Verdict::Block;
  const auto gates = world.graph->start_gates(unit);
  Verdict found = Verdict::Open;
  std::size_t next = 0;
  for (; next < gates.size() && gates[next].need != Gate::Need::Settled; ++next) {
    const Verdict verdict = start_verdict(world, gates[next]);
    if (verdict <= found) continue;
    found = verdict;
    world.derived[unit].cursor = static_cast<std::uint32_t>(next);
  }
  return found != Verdict::Open ? found : look_around(world, unit, gates, next, start_verdict);
}

Verdict check_stop(World& world, UnitIndex unit) {
  return look_around(world, unit, world.graph->stop_gates(unit), 0, stop_verdict);
}

bool may_pull(const World& world, UnitIndex unit) {
  return world.units[unit].goal == Goal::Idle && !world.shutdown && !is_excluded(world, unit);
}

Witness blocking(const World& world, UnitIndex unit) {
  const State state = world.units[unit].state;
  const bool stopping = state == State::StopWaiting;
  if (!stopping && state != State::Waiting && state != State::Blocked && state != State::Preparing) return {};
  if (!stopping && unfit(world, unit) != Reason::None) return {unit, nullptr, false};
  const auto gates = stopping ? world.graph->stop_gates(unit) : world.graph->start_gates(unit);
  const std::uint32_t cursor = world.derived[unit].cursor;
  return {gates[cursor].unit, &gates[cursor], has(gates[cursor].kind, Atom::ChecksOnly)};
}

}  // namespace init::core
