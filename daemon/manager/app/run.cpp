// Around the runs of a unit: what an earlier one has left, and the hook of initd.toml.
#include "daemon/manager/app/app.h"
#include "daemon/manager/os/log.h"

namespace init::manager {
namespace {

constexpr std::uint8_t kLeftoverTries = 6;  // on the back-off of spawns: 50 ms to 1 s, 2.5 s in all
constexpr std::size_t kShownPids = 8;

std::string pids_text(const std::vector<pid_t>& pids) {
  std::string text = pids.size() == 1 ? "process" : "processes";
  for (std::size_t i = 0; i < std::min(pids.size(), kShownPids); ++i) text += " " + std::to_string(pids[i]);
  return pids.size() > kShownPids ? text + " and " + std::to_string(pids.size() - kShownPids) + " more"
                                  : text;
}

}  // namespace

// Two runs of one unit never meet. True: nothing is left of an earlier one. Else it is killed, and the spawn
// is tried again like one that lacks resources; what does not end refuses the start. Helpers that a kill-mode
// leaves alone are meant to stay.
bool App::clear_leftovers(const core::Spawn& spawn) {
  const auto mode = engine_->graph()->policy(spawn.unit).kill_mode;
  const UnitProcess of = processes_of(spawn.unit);
  if (mode == unit::KillMode::Main || mode == unit::KillMode::None || processes_.empty(of)) return true;
  const std::string pids = pids_text(processes_.list(of));
  const std::uint8_t tries = engine_->record(spawn.unit).spawn_failures;
  if (tries == 0) log_warning(of.unit + ": kills what an earlier run has left: " + pids);
  processes_.kill(of);
  core::SpawnFailed failed{spawn.unit, spawn.attempt, core::SpawnError::Resources, 0, EBUSY, false};
  if (tries >= kLeftoverTries) {
    failed.kind = core::SpawnError::Config;
    units_[spawn.unit].error = pids + " of an earlier run cannot be killed";
  }
  failed.group_empty = !processes_.watch(of);
  events_.push_back(failed);
  return false;
}

void App::tell_hook(const core::StateChanged& change) {
  UnitState& state = units_[change.unit];
  const auto view = engine_->view(change.unit);
  const bool failed = change.to == core::PublicState::Failed;
  const bool restarted = change.from == core::PublicState::Activating &&
                         change.to == core::PublicState::Active && view.restarts > state.restarts;
  if (change.to == core::PublicState::Active) state.restarts = view.restarts;
  if ((!failed && !restarted) || configuration_.system.hook_command.empty()) return;
  Variables variables{{"INITD_EVENT", failed ? "failed" : "restarted"},
                      {"INITD_UNIT", std::string(engine_->graph()->name(change.unit))},
                      {"RESTART_COUNT", std::to_string(view.restarts)}};
  failed ? add_result(view, "", variables) : add_exit(view.last_exit, "", variables);
  hook_.tell(configuration_.system, std::move(variables));
}

}  // namespace init::manager
