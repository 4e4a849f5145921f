#include "daemon/manager/app/hook_variables.h"

#include <algorithm>

#include "libinit/process/exit_status.h"

namespace init::manager {
namespace {

std::string exit_code(core::Exit::Kind kind) {
  if (kind == core::Exit::Kind::Code) return "exited";
  return kind == core::Exit::Kind::Dumped ? "dumped" : "killed";
}

std::string exit_status(const core::Exit& exit) {
  if (exit.kind == core::Exit::Kind::Code) return std::to_string(exit.value);
  return process::signal_name(exit.value);
}

bool sees_the_end(core::Role role) {
  return role == core::Role::Stop || role == core::Role::PostStop;
}

// The unit whose end has started this one; kNoUnit when none has.
core::UnitIndex monitored(const core::Engine& engine, core::UnitIndex unit) {
  const auto& graph = *engine.graph();
  const auto cause = graph.find_tag(engine.record(unit).cause);
  if (!cause) return core::kNoUnit;
  const auto says = graph.says(*cause);
  const bool by_its_end = std::any_of(says.begin(), says.end(), [unit](const core::Link& link) {
    using Kind = unit::DependencyKind;
    const bool end =
        link.kind == Kind::OnFailure || link.kind == Kind::OnSuccess || link.kind == Kind::OnRestartLimit;
    return end && link.unit == unit;
  });
  return by_its_end ? *cause : core::kNoUnit;
}

}  // namespace

void add_exit(const core::Exit& exit, const std::string& prefix, Variables& variables) {
  if (exit.kind == core::Exit::Kind::None) return;
  variables.emplace_back(prefix + "EXIT_CODE", exit_code(exit.kind));
  variables.emplace_back(prefix + "EXIT_STATUS", exit_status(exit));
}

void add_result(const core::UnitView& view, const std::string& prefix, Variables& variables) {
  variables.emplace_back(prefix + "SERVICE_RESULT", name(core::run_result(view.reason, view.last_exit)));
  if (view.main_pid == 0) add_exit(view.last_exit, prefix, variables);
}

Variables hook_variables(const core::Engine& engine, core::UnitIndex unit, core::Role role) {
  const core::UnitView view = engine.view(unit);
  Variables variables{{"RESTART_COUNT", std::to_string(view.restarts)}};
  if (!core::is_main(role) && view.main_pid > 0)
    variables.emplace_back("MAINPID", std::to_string(view.main_pid));
  if (sees_the_end(role)) add_result(view, "", variables);
  if (const core::UnitIndex other = monitored(engine, unit); other != core::kNoUnit) {
    variables.emplace_back("MONITOR_UNIT", engine.graph()->name(other));
    add_result(engine.view(other), "MONITOR_", variables);
  }
  return variables;
}

}  // namespace init::manager
