#include "libinit/supervisor/supervisor.h"

#include <cerrno>

#include "libinit/loop/signals.h"
#include "libinit/supervisor/shell.h"

namespace init::supervisor {
namespace {

unit::RestartPolicy policy_of(Restart restart) {
  switch (restart) {
    case Restart::No:
      return unit::RestartPolicy::No;
    case Restart::OnSuccess:
      return unit::RestartPolicy::OnSuccess;
    case Restart::OnFailure:
      return unit::RestartPolicy::OnFailure;
    case Restart::Always:
      break;
  }
  return unit::RestartPolicy::Always;
}

// The command as the engine knows it. Its process group is the shell's business, not the engine's.
unit::Unit unit_of(std::string name, const Policy& policy) {
  unit::Unit unit;
  unit.id = std::move(name);
  unit.default_dependencies = false;
  for (const std::string& needed : policy.needs) {
    unit.dependencies.push_back({unit::DependencyKind::Requires, needed, {}, false});
    unit.dependencies.push_back({unit::DependencyKind::After, needed, {}, false});
  }
  unit.service.restart = policy_of(policy.restart);
  unit.service.restart_delay = policy.delay;
  unit.service.restart_delay_max = policy.delay_max;
  unit.service.restart_reset_after = policy.reset_after;
  unit.service.restart_limit = {policy.maximum, policy.interval, unit::FailureAction::None};
  unit.service.stop_signal = policy.stop_signal;
  unit.service.stop_timeout = policy.stop_wait;
  unit.service.kill_mode = unit::KillMode::Main;
  return unit;
}

// The first signal asks, the second does not.
loop::Task<> obey(loop::SignalGuard& signals, Supervisor& supervisor, std::function<void()> kill_all) {
  co_await co_await signals.next();
  supervisor.stop_all();
  co_await co_await signals.next();
  kill_all();
}

}  // namespace

std::string_view name(State state) noexcept {
  switch (state) {
    case State::Inactive:
      return "inactive";
    case State::Starting:
      return "starting";
    case State::Running:
      return "running";
    case State::Stopping:
      return "stopping";
    case State::Waiting:
      return "waiting";
    case State::Failed:
      return "failed";
  }
  return "unknown";
}

Supervisor::Supervisor(loop::EventLoop& loop) : shell_(std::make_unique<Shell>(loop)) {}
Supervisor::~Supervisor() = default;

Result<> Supervisor::add(std::string name, process::Command command, Policy policy) {
  if (name.empty()) return failure(EINVAL, "add a command", "no name");
  if (policy.stop_signal < 1 || policy.stop_signal > SIGRTMAX)
    return failure(EINVAL, "stop signal", std::move(name));
  if (shell_->find(name)) return failure(EEXIST, "add a command", std::move(name));
  const process::PlanInput& plan = command.settings().plan;
  if (!plan.new_session && !plan.process_group) command.process_group();
  shell_->add(std::move(command), unit_of(std::move(name), policy));
  return {};
}

Result<> Supervisor::start(std::string_view name) {
  return shell_->ask(core::Verb::Start, name);
}

Result<> Supervisor::stop(std::string_view name) {
  return shell_->ask(core::Verb::Stop, name);
}

Result<> Supervisor::restart(std::string_view name) {
  return shell_->ask(core::Verb::Restart, name);
}

Result<> Supervisor::signal(std::string_view name, int signal) {
  const auto unit = shell_->find(name);
  if (!unit) return Failure(unit.error());
  auto& child = shell_->worker(*unit).child;
  return child ? child->signal(signal) : failure(ESRCH, "signal", std::string(name));
}

void Supervisor::stop_all() {
  shell_->post(core::ShutdownRequested{});
}

std::vector<Status> Supervisor::status() const {
  std::vector<Status> all;
  for (std::size_t unit = 0; unit < shell_->size(); ++unit) {
    all.push_back(shell_->status(static_cast<core::UnitIndex>(unit)));
  }
  return all;
}

Result<Status> Supervisor::status(std::string_view name) const {
  const auto unit = shell_->find(name);
  if (!unit) return Failure(unit.error());
  return shell_->status(*unit);
}

void Supervisor::on_change(std::function<void(const Status&)> listener) {
  shell_->listener = std::move(listener);
}

loop::Task<> Supervisor::work() {
  return shell_->work();
}

Result<> Supervisor::run() {
  auto signals = loop::SignalGuard::create({SIGINT, SIGTERM});
  if (!signals) return Failure(signals.error());
  loop::Task<> obeying = obey(*signals, *this, [this] { shell_->kill_all(); });
  obeying.start(&shell_->loop);
  for (const Status& each : status()) static_cast<void>(start(each.name));
  return shell_->loop.run(work());
}

}  // namespace init::supervisor
