#include "libinit/core/world.h"

#include <algorithm>

namespace init::core {
namespace {

bool awaits_start(State state) {
  return state == State::Waiting || state == State::Blocked || state == State::Preparing;
}

// by: 1 or -1
void count(World& world, State state, std::uint32_t by) {
  if (!is_down(state)) world.busy += by;
  if (state == State::Idling) {
    world.idling += by;
  } else if (is_starting(state)) {
    world.starting += by;
  }
}

// Watchdog, run-timeout and health belong to a main process that is up; a question of readiness to its state.
void end_watch(World& world, UnitIndex unit, State left, State state) {
  const auto runs = [](State s) { return is_up(s) && s != State::Up; };
  if (runs(left) && runs(state)) return;
  for (const TimerKind kind : {TimerKind::Watchdog, TimerKind::Run, TimerKind::Probe})
    cancel(world, unit, kind);
  if (world.units[unit].probe_serial != 0) world.edit(unit).probe_serial = 0;
}

}  // namespace

UnitRecord& World::edit(UnitIndex unit) {
  if (!derived[unit].changed) {
    derived[unit].changed = true;
    changed.push_back(unit);
  }
  return units[unit];
}

void World::touch(UnitIndex unit) {
  if (derived[unit].dirty) return;
  derived[unit].dirty = true;
  dirty.push_back(unit);
}

void World::touch_watchers(UnitIndex unit) {
  for (const UnitIndex watcher : graph->watchers(unit)) touch(watcher);
}

void load_graph(World& world, std::shared_ptr<const Graph> graph) {
  world.graph = std::move(graph);
  const std::size_t size = world.graph->size();
  world.units.assign(size, {});
  world.derived.assign(size, {});
  world.dirty.clear();
  world.dirty_head = 0;
  world.changed.clear();
  world.counts = {};
  world.counts[static_cast<std::size_t>(PublicState::Inactive)] =
      static_cast<std::uint32_t>(world.graph->loaded_count());
  world.busy = world.idling = world.starting = 0;
  for (UnitIndex u = 0; u < size; ++u) world.units[u].tag = world.graph->tag(u);
}

void take_up(World& world, UnitIndex unit, const UnitRecord& record) {
  world.units[unit] = record;
  count(world, record.state, 1);
  const bool was_oneshot = has_flag(record, kDone) && !world.graph->policy(unit).oneshot;
  if (was_oneshot) set_flag(world.edit(unit), kDone, false);
  if (!world.graph->is_loaded(unit)) return;
  --world.counts[static_cast<std::size_t>(PublicState::Inactive)];
  ++world.counts[static_cast<std::size_t>(public_state(record.state))];
}

void enter(World& world, UnitIndex unit, State state) {
  UnitRecord& record = world.edit(unit);
  const State left = record.state;
  record.state = state;
  record.since_ns = world.now.since_epoch.count();
  if (!(awaits_start(left) && awaits_start(state))) world.derived[unit].cursor = 0;
  count(world, left, ~std::uint32_t{0});
  count(world, state, 1);
  const PublicState from = public_state(left), to = public_state(state);
  if (world.graph->is_loaded(unit)) {
    --world.counts[static_cast<std::size_t>(from)];
    ++world.counts[static_cast<std::size_t>(to)];
  }
  cancel(world, unit, TimerKind::Restart);  // the next try is that of one state
  // The time allowed for a start runs over all its steps.
  if (!(is_starting(left) && is_starting(state))) cancel(world, unit, TimerKind::Phase);
  end_watch(world, unit, left, state);
  if (from != to) world.emit(StateChanged{unit, from, to});
  follow_jobs(world, unit);
  world.touch(unit);
  world.touch_watchers(unit);
}

void arm(World& world, UnitIndex unit, TimerKind kind, MonotonicTime deadline) {
  if (deadline == MonotonicTime::never()) return cancel(world, unit, kind);
  UnitRecord& record = world.edit(unit);
  const std::uint32_t serial = ++record.serial;
  const auto index = static_cast<std::size_t>(kind);
  record.timer_serial[index] = serial;
  record.deadline_ns[index] = std::max<std::int64_t>(1, deadline.since_epoch.count());  // 0 = not armed
  world.emit(ArmTimer{unit, kind, serial, deadline});
}

void cancel(World& world, UnitIndex unit, TimerKind kind) {
  const auto index = static_cast<std::size_t>(kind);
  if (world.units[unit].deadline_ns[index] == 0) return;
  world.edit(unit).deadline_ns[index] = 0;
  world.emit(CancelTimer{unit, kind});
}

void arm_again(World& world, UnitIndex unit) {
  const UnitRecord& record = world.units[unit];
  for (std::size_t index = 0; index < kTimerKinds; ++index) {
    if (record.deadline_ns[index] == 0) continue;
    world.emit(ArmTimer{unit,
                        static_cast<TimerKind>(index),
                        record.timer_serial[index],
                        {Duration(record.deadline_ns[index])}});
  }
  if (record.probe_serial == 0) return;
  const ProbeOf which = record.state == State::Readying ? ProbeOf::Ready : ProbeOf::Health;
  world.emit(Probe{unit, record.main_attempt, which, record.probe_serial});
}

bool has_leftover(const World& world, UnitIndex unit) {
  const UnitRecord& record = world.units[unit];
  if (record.main_attempt != 0 || record.control_attempt != 0) return true;
  const unit::KillMode mode = world.graph->policy(unit).kill_mode;
  const bool whole_group = mode == unit::KillMode::Group || mode == unit::KillMode::Mixed;
  return whole_group && has_flag(record, kGroup);
}

bool is_usable(const World& world, UnitIndex unit) {
  const UnitRecord& record = world.units[unit];
  if (is_up(record.state)) return true;
  if (!is_down(record.state) || !world.graph->is_loaded(unit)) return false;
  const bool skipped =
      has_flag(record, kSkipped) && record.goal != Goal::Up;  // wanted anew: asked again first
  return skipped || (world.graph->policy(unit).oneshot && has_flag(record, kDone));
}

}  // namespace init::core
