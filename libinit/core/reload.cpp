#include "libinit/core/reload.h"

#include "libinit/core/ending.h"
#include "libinit/core/stopping.h"

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
  for (auto& [key, job] : open) {
    const auto unit =
        key.first == kNoUnit ? std::optional(kNoUnit) : world.graph->find_tag(old.tag(key.first));
    job.unit = unit.value_or(kNoUnit);
    world.jobs.open[{job.unit, job.id}] = job;
    if (!unit) finish_jobs(world, kNoUnit, Verbs(job.verb), JobOutcome::Canceled, kNoUnit);
  }
}

// By a policy that is no longer in force it stops without a limit (kill-mode none, or a wait for ever), or
// was sent KILL, which the new one may send to more.
void end_anew(World& world, const Graph& old, UnitIndex unit) {
  const UnitRecord& record = world.units[unit];
  const auto before = old.find_tag(record.tag);
  const Policy& policy = world.graph->policy(unit);
  if (!before || policy.kill_mode == unit::KillMode::None || policy == old.policy(*before)) return;
  if (record.state == State::KillWait) repeat_signal(world, unit);
  if (record.state == State::Stopping && deadline_of(record, TimerKind::Phase) == 0)
    begin_signals(world, unit);
}

}  // namespace

void on_reloaded(World& world, std::shared_ptr<const Graph> graph) {
  const std::vector<UnitIndex> kept = still_alive(world, *graph);
  if (!kept.empty()) graph = Graph::extend(*graph, *world.graph, kept);
  const std::shared_ptr<const Graph> old = world.graph;
  const std::vector<UnitRecord> records = std::move(world.units);
  const std::vector<Derived> derived = std::move(world.derived);
  load_graph(world, std::move(graph));
  for (UnitIndex before = 0; before < records.size(); ++before) {
    const auto unit = world.graph->find_tag(records[before].tag);
    if (!unit) continue;
    take_up(world, *unit, records[before]);
    world.derived[*unit].cursor =
        derived[before].cursor;  // of several that it merely waits for it shows the same one
  }
  move_jobs(world, *old);
  for (UnitIndex unit = 0; unit < world.units.size(); ++unit) {
    world.edit(unit);
    arm_again(world, unit);
    world.touch(unit);
    end_anew(world, *old, unit);
  }
}

}  // namespace init::core
