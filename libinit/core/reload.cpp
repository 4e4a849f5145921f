#include "libinit/core/reload.h"

#include "libinit/core/ending.h"

namespace init::core {
namespace {

// Units of the old graph that have no file any more and cannot be forgotten yet.
std::vector<UnitIndex> still_alive(const World& world, const Graph& graph) {
  std::vector<UnitIndex> kept;
  for (UnitIndex unit = 0; unit < world.units.size(); ++unit) {
    if (is_down(world.units[unit].state) && !has_leftover(world, unit)) continue;
    const auto found = graph.find_tag(world.graph->tag(unit));
    if (!found || !graph.is_loaded(*found)) kept.push_back(unit);
  }
  return kept;
}

void move_jobs(World& world, const Graph& old) {
  std::map<std::pair<UnitIndex, JobId>, Job> open;
  open.swap(world.jobs.open);
  world.jobs.changed = true;
  for (auto& [key, job] : open) {
    const auto unit =
        key.first == kNoUnit ? std::optional(kNoUnit) : world.graph->find_tag(old.tag(key.first));
    job.unit = unit.value_or(kNoUnit);
    world.jobs.open[{job.unit, job.id}] = job;
    if (!unit) finish_jobs(world, kNoUnit, Verbs(job.verb), JobOutcome::Canceled, kNoUnit);
  }
}

void arm_again(World& world, UnitIndex unit, TimerKind kind, std::int64_t deadline_ns) {
  if (deadline_ns != 0) arm(world, unit, kind, MonotonicTime{Duration(deadline_ns)});
}

void count(World& world, UnitIndex unit) {
  const State state = world.units[unit].state;
  world.busy += is_down(state) ? 0 : 1;
  if (!world.graph->is_loaded(unit)) return;
  --world.counts[static_cast<std::size_t>(PublicState::Inactive)];
  ++world.counts[static_cast<std::size_t>(public_state(state))];
}

}  // namespace

void on_reloaded(World& world, std::shared_ptr<const Graph> graph) {
  const std::vector<UnitIndex> kept = still_alive(world, *graph);
  if (!kept.empty()) graph = Graph::extend(*graph, *world.graph, kept);
  const std::shared_ptr<const Graph> old = world.graph;
  const std::vector<UnitRecord> records = std::move(world.units);
  load_graph(world, std::move(graph));
  for (const UnitRecord& record : records) {
    const auto unit = world.graph->find_tag(record.tag);
    if (!unit) continue;
    world.units[*unit] = record;
    if (!world.graph->policy(*unit).oneshot) set_flag(world.units[*unit], kDone, false);
    count(world, *unit);
  }
  move_jobs(world, *old);
  for (UnitIndex unit = 0; unit < world.units.size(); ++unit) {
    const UnitRecord record = world.edit(unit);
    arm_again(world, unit, TimerKind::Phase, record.phase_deadline_ns);
    arm_again(world, unit, TimerKind::Restart, record.restart_deadline_ns);
    world.touch(unit);
    const bool was_left_alone = record.state == State::Stopping && record.phase_deadline_ns == 0;
    if (was_left_alone && world.graph->policy(unit).kill_mode != unit::KillMode::None)
      begin_stop(world, unit);
  }
}

}  // namespace init::core
