// A spawn on its way to a process: its terminal is free, then what may block is prepared, then it is sent to
// PID 1. Nothing of this is kept: a manager that starts anew is told by the engine to spawn again.
#include <algorithm>
#include <cerrno>

#include "daemon/manager/app/app.h"
#include "daemon/manager/app/key_errors.h"

namespace init::manager {
namespace {

// What the unit reads from; null when that is no terminal.
const std::string* terminal_path(const unit::Unit& unit) {
  static const std::string console = "/dev/console";
  switch (unit.service.standard_input.kind) {
    case unit::InputKind::Console:
      return &console;
    case unit::InputKind::Tty:
      return &unit.service.context.tty.path;
    default:
      return nullptr;
  }
}

}  // namespace

void App::begin_launch(const core::Spawn& spawn) {
  const auto prepared = prepare_launch(spawn);
  if (prepared) return;
  refuse_spawn(spawn, prepared.error());
  release_terminal(spawn.unit, spawn.attempt);
}

Result<> App::prepare_launch(const core::Spawn& spawn) {
  const auto unit = configuration_.unit(spawn.unit);
  if (!unit) return failure(ENOENT, "read definition", std::string(engine_->graph()->name(spawn.unit)));
  if (!take_terminal(spawn, *unit)) {
    queued_.push_back({spawn, monotonic_now(), std::nullopt});
    return {};
  }
  if (auto held = hold_runtime_directories(*unit); !held) return held;
  const bool first = units_[spawn.unit].activation == spawn.attempt;
  const auto& service = unit->service;
  if (!may_block(service)) {
    const auto prepared = prepare(*unit, options_, Accounts::Local, first);
    if (prepared) return launch(spawn, *unit, *prepared);
    if (!may_be_known_elsewhere(service)) return Failure(prepared.error());
  }
  auto started = helpers_->start(
      ++last_helper_, [this, &unit, first] { return pack(prepare(*unit, options_, Accounts::All, first)); });
  if (started) preparing_[last_helper_] = spawn;
  return started;
}

void App::on_helpers() {
  for (const auto& done : helpers_->take_done()) {
    if (take_prepared_probe(done) || take_successor(done) || take_generation(done) || take_shown(done))
      continue;
    const auto at = preparing_.find(done.key);
    if (at == preparing_.end()) continue;
    const core::Spawn spawn = at->second;
    preparing_.erase(at);
    const Blame::Mark mark(blame_, in_hand_unit(engine_->graph()->tag(spawn.unit)));
    const auto unit = configuration_.unit(spawn.unit);
    const auto prepared = unpack(done.answer);
    auto launched = !unit       ? failure(ENOENT, "read definition")
                    : !prepared ? Result<>(Failure(prepared.error()))
                                : launch(spawn, *unit, *prepared);
    if (launched) continue;
    refuse_spawn(spawn, launched.error());
    release_terminal(spawn.unit, spawn.attempt);
  }
  settle();
}

// It has no process that could end, so this is its end.
void App::cancel_launch(core::UnitIndex unit, core::Attempt attempt) {
  const auto is_it = [unit, attempt](const core::Spawn& spawn) {
    return spawn.unit == unit && spawn.attempt == attempt;
  };
  const auto queued =
      std::find_if(queued_.begin(), queued_.end(), [&](const Queued& one) { return is_it(one.spawn); });
  const auto preparing =
      std::find_if(preparing_.begin(), preparing_.end(), [&](const auto& one) { return is_it(one.second); });
  if (queued != queued_.end()) {
    queued_.erase(queued);
  } else if (preparing != preparing_.end()) {
    helpers_->cancel(preparing->first);
    preparing_.erase(preparing);
    release_terminal(unit, attempt);
  } else {
    return;
  }
  const bool empty = !processes_.watch(processes_of(unit));
  events_.push_back(core::SpawnFailed{unit, attempt, core::SpawnError::Config, 0, ECANCELED, empty});
}

// Only what reads from a terminal owns it: Ctrl-C reaches just that.
bool App::take_terminal(const core::Spawn& spawn, const unit::Unit& definition) {
  const std::string* path = terminal_path(definition);
  if (path == nullptr || spawn.role != core::Role::Main) return true;
  if (!terminals_) know_terminals();
  const std::pair own(spawn.unit, spawn.attempt);
  auto& owner = terminals_->try_emplace(*path, own).first->second;
  if (owner.first != spawn.unit) return false;
  owner = own;  // one step after the other keeps it
  return true;
}

// After a start of the manager, or a reload: from the processes that run.
void App::know_terminals() {
  terminals_.emplace();
  for (core::UnitIndex unit = 0; unit < engine_->graph()->size(); ++unit) {
    const core::Attempt attempt = engine_->record(unit).main_attempt;
    if (attempt == 0 || slots_.find(unit, attempt) == kNoSlot) continue;
    const auto definition = configuration_.unit(unit);
    const std::string* path = definition ? terminal_path(*definition) : nullptr;
    if (path != nullptr) terminals_->try_emplace(*path, unit, attempt);
  }
}

// The next in the queue gets it; the limit of its start begins now.
void App::release_terminal(core::UnitIndex unit, core::Attempt attempt) {
  const std::pair own(unit, attempt);
  if (!terminals_ || std::erase_if(*terminals_, [&own](const auto& one) { return one.second == own; }) == 0)
    return;
  const auto waiting = std::exchange(queued_, {});
  for (const Queued& one : waiting) {
    const std::size_t still = queued_.size();
    begin_launch(one.spawn);
    if (queued_.size() > still) {
      queued_.back() = one;
    } else if (one.limit) {
      timers_.arm({one.limit->unit, one.limit->kind, one.limit->serial,
                   one.limit->deadline + (monotonic_now() - one.since)});
    }
  }
  settle();
}

void App::carry_out(const core::ArmTimer& timer) {
  for (Queued& one : queued_) {
    if (one.spawn.unit != timer.unit || timer.kind != core::TimerKind::Phase) continue;
    one.limit = timer;
    return timers_.cancel(timer.unit, timer.kind);
  }
  timers_.arm(timer);
}

void App::renumber_launches(const std::vector<core::UnitIndex>& new_index) {
  terminals_.reset();
  for (auto& [key, spawn] : preparing_) spawn.unit = new_index.at(spawn.unit);
  for (Queued& one : queued_) one.spawn.unit = new_index.at(one.spawn.unit);
  std::erase_if(preparing_, [](const auto& one) { return one.second.unit == core::kNoUnit; });
  std::erase_if(queued_, [](const Queued& one) { return one.spawn.unit == core::kNoUnit; });
}

}  // namespace init::manager
