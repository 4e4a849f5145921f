#include "libinit/supervisor/shell.h"

#include <cerrno>

#include "libinit/core/graph.h"

namespace init::supervisor {
namespace {

// What another try can mend.
core::SpawnError kind_of(int error) {
  return is_shortage(error) ? core::SpawnError::Resources : core::SpawnError::Setup;
}

core::Exit exit_of(const Result<process::ExitStatus>& status) {
  if (!status) return {};  // somebody else has reaped it
  return {static_cast<core::Exit::Kind>(status->kind), status->value};
}

State state_of(const core::UnitView& view) {
  using core::State;
  if (core::is_starting(view.phase)) return supervisor::State::Starting;
  if (core::is_up(view.phase)) return supervisor::State::Running;
  if (core::is_stopping(view.phase)) return supervisor::State::Stopping;
  if (view.phase == State::Failed) return supervisor::State::Failed;
  return view.phase == State::Inactive ? supervisor::State::Inactive : supervisor::State::Waiting;
}

process::ExitStatus last_exit(const core::UnitView& view) {
  return {static_cast<process::ExitStatus::Kind>(view.last_exit.kind), view.last_exit.value};
}

}  // namespace

Supervisor::Shell::Shell(loop::EventLoop& of)
    : loop(of),
      engine_(core::Graph::build({}), static_cast<std::uint64_t>(monotonic_now().since_epoch.count())),
      news_(of) {}

Supervisor::Shell::~Shell() {
  kill_all();
  for (Worker& worker : workers_) {
    worker.watch = {};
    if (worker.child) static_cast<void>(!worker.child->wait());
  }
}

void Supervisor::Shell::add(process::Command command, unit::Unit unit) {
  by_name_.emplace(unit.id, static_cast<core::UnitIndex>(workers_.size()));
  workers_.push_back({std::move(command), std::move(unit), {}, {}, {}, 0, {}, {}});
}

Result<core::UnitIndex> Supervisor::Shell::find(std::string_view name) const {
  const auto found = by_name_.find(std::string(name));
  if (found == by_name_.end()) return failure(ENOENT, "find a command", std::string(name));
  return found->second;
}

Result<> Supervisor::Shell::ask(core::Verb verb, std::string_view name) {
  const auto unit = find(name);
  if (!unit) return Failure(unit.error());
  post(core::Requested{0, verb, *unit, 0, false});
  return {};
}

void Supervisor::Shell::post(core::Event event) {
  events_.push_back(std::move(event));
  news_.raise();
}

void Supervisor::Shell::kill_all() noexcept {
  for (Worker& worker : workers_) {
    if (worker.child) static_cast<void>(!worker.child->signal_group(SIGKILL) && !worker.child->kill());
  }
}

loop::Task<> Supervisor::Shell::work() {
  if (is_working_) co_await failure(EBUSY, "supervise");
  struct Working {
    bool& flag;
    explicit Working(bool& of) : flag(of) { flag = true; }
    ~Working() { flag = false; }
  } const working(is_working_);
  while (!is_over()) {
    co_await news_.raised();
    news_.lower();
    while (!events_.empty()) {
      const core::Event event = std::move(events_.front());
      events_.pop_front();
      handle(event);
    }
  }
}

bool Supervisor::Shell::is_over() const {
  return has_stopped_ || (events_.empty() && pending_ == 0);
}

void Supervisor::Shell::handle(const core::Event& event) {
  if (known_ != workers_.size()) take_up_new_commands();
  if (const auto* fired = std::get_if<core::TimerFired>(&event)) {
    const auto& timer = workers_[fired->unit].timers[static_cast<std::size_t>(fired->kind)];
    if (!timer || timer->serial != fired->serial) return;  // canceled when it had fired already
    carry_out(core::CancelTimer{fired->unit, fired->kind});
  }
  tell(event);
}

// The engine first, then what it wants: a listener may ask for a status.
void Supervisor::Shell::tell(const core::Event& event) {
  engine_.handle(event, monotonic_now(), *this);
  engine_.clear_changed();
  const std::vector<core::Action> actions = std::exchange(actions_, {});
  for (const core::Action& action : actions) {
    std::visit([this](const auto& one) { carry_out(one); }, action);
  }
}

// A new graph, in which the commands it knew already keep their numbers.
void Supervisor::Shell::take_up_new_commands() {
  std::vector<unit::Unit> units;
  for (Worker& worker : workers_) {
    units.push_back(worker.unit);
    const auto unit = static_cast<core::UnitIndex>(units.size() - 1);
    for (std::size_t kind = 0; kind < core::kTimerKinds; ++kind)
      carry_out(core::CancelTimer{unit, static_cast<core::TimerKind>(kind)});
  }
  known_ = workers_.size();
  tell(core::Reloaded{core::Graph::build(units)});
}

loop::Task<> Supervisor::Shell::watch(core::UnitIndex unit) {
  Worker& worker = workers_[unit];
  const auto ended =
      co_await loop.readable(worker.child->pidfd(), {MonotonicTime::never(), loop::Priority::Children});
  if (!ended) static_cast<void>(!worker.child->kill());  // nobody would see its end
  // Before it is reaped: so long its number, and with it that of its group, is nobody else's.
  static_cast<void>(!worker.child->signal_group(SIGKILL));
  const auto status = worker.child->wait();
  worker.child.reset();
  --pending_;
  post(core::Exited{unit, worker.attempt, exit_of(status), true});
}

loop::Task<> Supervisor::Shell::ring(core::ArmTimer timer) {
  co_await loop.sleep_until(timer.deadline);
  post(core::TimerFired{timer.unit, timer.kind, timer.serial});
}

void Supervisor::Shell::carry_out(const core::Spawn& spawn) {
  Worker& worker = workers_[spawn.unit];
  auto child = worker.command.spawn();
  if (!child) {
    worker.error = child.error().text();
    const int error = child.error().code;
    return post(core::SpawnFailed{spawn.unit, spawn.attempt, kind_of(error), 0, error, true});
  }
  worker.error.clear();
  worker.started = wall_now();
  worker.attempt = spawn.attempt;
  worker.child.emplace(std::move(*child));
  ++pending_;
  post(core::Spawned{spawn.unit, spawn.attempt, worker.child->pid().raw()});
  post(core::ExecSucceeded{spawn.unit, spawn.attempt});
  worker.watch = watch(spawn.unit);
  worker.watch.start(&loop);
}

void Supervisor::Shell::carry_out(const core::Signal& signal) {
  Worker& worker = workers_[signal.unit];
  if (worker.child && worker.attempt == signal.attempt)
    static_cast<void>(!worker.child->signal(signal.signal));
}

void Supervisor::Shell::carry_out(const core::KillGroup& kill) {
  Worker& worker = workers_[kill.unit];
  if (worker.child) static_cast<void>(!worker.child->kill());  // the rest of the group goes with it
}

void Supervisor::Shell::carry_out(const core::ArmTimer& timer) {
  auto& slot = workers_[timer.unit].timers[static_cast<std::size_t>(timer.kind)];
  if (!slot) ++pending_;
  slot = Timer{timer.serial, ring(timer)};
  slot->task.start(&loop);
}

void Supervisor::Shell::carry_out(const core::CancelTimer& timer) {
  auto& slot = workers_[timer.unit].timers[static_cast<std::size_t>(timer.kind)];
  if (slot) --pending_;
  slot.reset();
}

void Supervisor::Shell::carry_out(const core::StateChanged& change) {
  if (listener && change.unit < workers_.size()) listener(status(change.unit));
}

void Supervisor::Shell::carry_out(const core::Power& /*power*/) {
  has_stopped_ = true;
}

Status Supervisor::Shell::status(core::UnitIndex unit) const {
  const Worker& worker = workers_[unit];
  Status status;
  status.name = worker.unit.id;
  status.started = worker.started;
  if (worker.child) status.pid = worker.child->pid();
  if (unit >= known_) return status;
  const core::UnitView view = engine_.view(unit);
  status.state = state_of(view);
  status.restarts = view.restarts;
  status.last_exit = last_exit(view);
  status.reason = reason_of(unit, view);
  return status;
}

std::string Supervisor::Shell::reason_of(core::UnitIndex unit, const core::UnitView& view) const {
  if (!core::is_down(view.phase) || view.phase == core::State::Inactive) return {};
  const bool is_blocked = view.blocked_by != core::kNoUnit && view.blocked_by != unit;
  if (is_blocked) return "waits for " + std::string(engine_.graph()->name(view.blocked_by));
  const std::string end = workers_[unit].error.empty() ? last_exit(view).text() : workers_[unit].error;
  if (view.reason != core::Reason::RestartLimit) return end;
  return "restart limit of " + std::to_string(engine_.graph()->policy(unit).burst) + " reached; " + end;
}

}  // namespace init::supervisor
