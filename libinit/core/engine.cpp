#include "libinit/core/engine.h"

#include "libinit/core/ending.h"
#include "libinit/core/readiness.h"
#include "libinit/core/reconcile.h"
#include "libinit/core/reload.h"
#include "libinit/core/requests.h"
#include "libinit/core/restore.h"
#include "libinit/core/service.h"
#include "libinit/core/shutdown.h"
#include "libinit/core/world.h"

namespace init::core {
namespace {

void on_timer(World& world, const TimerFired& event) {
  const UnitRecord& record = world.units[event.unit];
  const auto index = static_cast<std::size_t>(event.kind);
  if (index >= kTimerKinds || record.deadline_ns[index] == 0) return;
  if (event.serial != record.timer_serial[index]) return;
  world.edit(event.unit).deadline_ns[index] = 0;
  switch (event.kind) {
    case TimerKind::Phase:
      return on_phase_timer(world, event.unit);
    case TimerKind::Restart:
      return on_restart_timer(world, event.unit);
    case TimerKind::Watchdog:
      return end_run(world, event.unit, Reason::Watchdog);
    case TimerKind::Run:
      return end_run(world, event.unit, Reason::RunTimeout);
    case TimerKind::Probe:
      return on_probe_timer(world, event.unit);
  }
}

// One overload for each event. What names a unit is handed on only if there is such a unit.
struct Dispatch {
  World& world;

  void operator()(const Requested& e) const {
    if (known(e.unit)) return on_request(world, e);
    if (e.job != 0) world.emit(JobFinished{e.job, kNoUnit, JobOutcome::Refused, kNoUnit});
  }
  void operator()(const JobDropped& e) const { drop_job(world, e.job); }
  void operator()(const Spawned& e) const {
    if (known(e.unit)) on_spawned(world, e);
  }
  void operator()(const ExecSucceeded& e) const {
    if (known(e.unit)) on_exec_succeeded(world, e);
  }
  void operator()(const SpawnFailed& e) const {
    if (known(e.unit)) on_spawn_failed(world, e);
  }
  void operator()(const Exited& e) const {
    if (known(e.unit)) on_exited(world, e);
  }
  void operator()(const Starved& e) const {
    if (known(e.unit)) on_starved(world, e);
  }
  void operator()(const GroupEmpty& e) const {
    if (known(e.unit)) on_group_empty(world, e.unit);
  }
  void operator()(const TimerFired& e) const {
    if (known(e.unit)) on_timer(world, e);
  }
  void operator()(const Notified& e) const {
    if (known(e.unit)) on_notified(world, e);
  }
  void operator()(const Probed& e) const {
    if (known(e.unit)) on_probed(world, e);
  }
  void operator()(const NameOwned& e) const {
    if (known(e.unit)) on_name_owned(world, e);
  }
  void operator()(const Reloaded& e) const { on_reloaded(world, e.graph); }
  void operator()(const ShutdownRequested& e) const { on_shutdown_request(world, e); }

  [[nodiscard]] bool known(UnitIndex unit) const { return unit < world.units.size(); }
};

}  // namespace

Engine::Engine(std::shared_ptr<const Graph> graph, std::uint64_t seed) : world_(std::make_unique<World>()) {
  world_->seed = seed;
  load_graph(*world_, std::move(graph));
}
Engine::Engine(std::unique_ptr<World> world) : world_(std::move(world)) {}
Engine::~Engine() = default;
Engine::Engine(const Engine& other) : world_(std::make_unique<World>(*other.world_)) {}
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;

void Engine::handle(const Event& event, MonotonicTime now, ActionSink& sink) {
  World& world = *world_;
  world.now = now;
  world.sink = &sink;
  if (!world.jobs.finished.empty()) {
    world.jobs.finished.clear();
    world.jobs.changed = true;
  }
  std::visit(Dispatch{world}, event);
  settle(world);
  // A request may find its unit where it is wanted, or blocked, already.
  const auto* request = std::get_if<Requested>(&event);
  if (request != nullptr && request->unit < world.units.size()) follow_jobs(world, request->unit);
  check_shutdown(world);
  world.sink = nullptr;
}

Engine Engine::restore(std::shared_ptr<const Graph> graph, const Saved& saved, MonotonicTime now,
                       ActionSink& sink) {
  auto world = std::make_unique<World>();
  world->seed = saved.seed;
  world->now = now;
  world->sink = &sink;
  load_graph(*world, std::move(graph));
  restore_world(*world, saved);
  settle(*world);
  check_shutdown(*world);
  world->sink = nullptr;
  return Engine(std::move(world));
}

const std::shared_ptr<const Graph>& Engine::graph() const noexcept {
  return world_->graph;
}
std::span<const UnitIndex> Engine::changed() const noexcept {
  return world_->changed;
}
bool Engine::has_changed_jobs() const noexcept {
  return world_->jobs.changed;
}

void Engine::clear_changed() noexcept {
  for (const UnitIndex unit : world_->changed) world_->derived[unit].changed = false;
  world_->changed.clear();
  world_->jobs.changed = false;
}

const UnitRecord& Engine::record(UnitIndex unit) const noexcept {
  return world_->units[unit];
}
std::vector<JobRecord> Engine::job_records() const {
  return save_jobs(*world_);
}

}  // namespace init::core
