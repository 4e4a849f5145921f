#include "daemon/manager/app/wording.h"

#include <array>
#include <cstring>

#include "daemon/manager/app/key_errors.h"
#include "libinit/base/text.h"
#include "libinit/core/policy.h"
#include "libinit/process/child_steps.h"
#include "libinit/process/exit_status.h"

namespace init::manager {

api::State to_api(core::PublicState state) {
  return static_cast<api::State>(state);
}
static_assert(static_cast<int>(api::State::Failed) == static_cast<int>(core::PublicState::Failed));

process::ExitStatus to_status(const core::Exit& exit) {
  using Kind = process::ExitStatus::Kind;
  switch (exit.kind) {
    case core::Exit::Kind::None:
      return {Kind::None, 0};
    case core::Exit::Kind::Code:
      return {Kind::Exited, exit.value};
    case core::Exit::Kind::Signal:
      return {Kind::Signaled, exit.value};
    case core::Exit::Kind::Dumped:
      return {Kind::Dumped, exit.value};
  }
  return {};
}

std::string name_of(const ViewContext& context, core::UnitIndex unit) {
  return unit == core::kNoUnit ? std::string() : std::string(context.engine.graph()->name(unit));
}

std::string where_of(const ViewContext& context, core::UnitIndex owner, std::uint16_t dependency) {
  if (owner == core::kNoUnit) return {};
  const auto unit = context.configuration.unit(owner);
  if (!unit || dependency >= unit->dependencies.size()) return {};
  const auto& at = unit->dependencies[dependency].where;
  if (at.file >= unit->files.size()) return {};
  return unit->files[at.file] + (at.line > 0 ? ":" + std::to_string(at.line) : "");
}

std::string_view relation_of(unit::DependencyKind kind) {
  constexpr std::array<std::string_view, unit::kDependencyKinds> kNames = {
      "requires",   "wants",       "requisite",   "binds-to",   "part-of",     "upholds",
      "conflicts",  "after",       "before",      "unordered",  "provides",    "on-failure",
      "on-success", "reload-with", "prepared-by", "stop-after", "stop-before", "on-restart-limit"};
  return kNames[static_cast<std::size_t>(kind)];
}

Duration wall_ahead() {
  return wall_now().since_epoch - monotonic_now().since_epoch;
}

std::int64_t wall_us(MonotonicTime moment, Duration ahead) {
  if (moment.since_epoch == Duration::zero()) return 0;
  return (moment.since_epoch + ahead) / std::chrono::microseconds(1);
}

std::int64_t us_until(MonotonicTime moment) {
  if (moment == MonotonicTime::never()) return 0;
  return std::max<std::int64_t>(0, (moment - monotonic_now()) / std::chrono::microseconds(1));
}

namespace {

// The program of one step, as the unit file has it; empty when it is no longer there.
std::string program_of(const unit::ServiceConfig& service, core::Role role, std::uint16_t step) {
  const auto& steps = core::steps_of(service, role);
  return step < steps.size() ? steps[step].argv.front() : std::string();
}

std::string pre_start_text(const ViewContext& context, core::UnitIndex unit, const core::UnitView& view) {
  std::string text = "pre-start step " + std::to_string(view.step + 1);
  const auto definition = context.configuration.unit(unit);
  if (!definition) return text;
  const std::string program = program_of(definition->service, core::Role::PreStart, view.step);
  return program.empty() ? text : text + " (" + program + ")";
}

// What the failed step of a spawn was about, with a ": "; empty when that is not known.
std::string path_of_stream(const unit::ServiceConfig& service, std::uint32_t stream) {
  if (stream == 0)
    return service.standard_input.kind == unit::InputKind::File ? service.standard_input.path : "";
  return stream == 1 ? service.standard_output.path : service.standard_error.path;
}

std::string object_of(const ViewContext& context, core::UnitIndex unit, const core::UnitView& view) {
  const auto definition = context.configuration.unit(unit);
  if (!definition) return {};
  const unit::ServiceConfig& service = definition->service;
  std::string object;
  switch (static_cast<process::ChildStep>(view.error_step)) {
    case process::ChildStep::Exec:
      object = program_of(service, view.error_role, view.step);
      break;
    case process::ChildStep::WorkingDirectory:
      object = service.working_directory;
      break;
    case process::ChildStep::RootDirectory:
      object = service.root_directory;
      break;
    case process::ChildStep::User:
      object = service.user;
      break;
    case process::ChildStep::StdioRoot:
    case process::ChildStep::Stdio:
      object = path_of_stream(service, context.units[unit].error_detail.value_or(0));
      break;
    default:
      break;
  }
  return object.empty() ? object : object + ": ";
}

// " (io-class, /u/a.service.toml:7)": the key behind the failed step; empty when there is none.
std::string key_text(const ViewContext& context, core::UnitIndex unit, const core::UnitView& view) {
  const auto definition = context.configuration.unit(unit);
  if (!definition) return {};
  const std::string key = key_of_step(*definition, static_cast<process::ChildStep>(view.error_step),
                                      context.units[unit].error_detail);
  return key.empty() ? key : " (" + key + ")";
}

}  // namespace

std::string result_text(const ViewContext& context, core::UnitIndex unit, const core::UnitView& view) {
  const std::string exit = to_status(view.last_exit).text();
  switch (view.reason) {
    case core::Reason::None:
      return {};
    case core::Reason::ExitCode:
    case core::Reason::Signal:
      return exit + (context.units[unit].out_of_memory ? ", the kernel kills for want of memory" : "");
    case core::Reason::OutOfMemory:
      return std::string(name(view.reason)) + (exit.empty() ? "" : ": " + exit);
    case core::Reason::PreStart:
      return pre_start_text(context, unit, view) + " failed: " + exit;
    case core::Reason::Setup:
      return (view.error_role == core::Role::PreStart ? pre_start_text(context, unit, view) + ": " : "") +
             "exec failed at step '" +
             process::child_step_name(static_cast<process::ChildStep>(view.error_step)) +
             "': " + object_of(context, unit, view) + strerrordesc_np(view.error) +
             key_text(context, unit, view);
    case core::Reason::Config:
      return context.units[unit].error;
    case core::Reason::Unhealthy:
    case core::Reason::NotReady:
    case core::Reason::ReadyTimeout: {
      const std::string& problem = context.units[unit].probe_problem;
      return std::string(name(view.reason)) + (problem.empty() ? "" : ": " + problem);
    }
    case core::Reason::RestartLimit:
      return std::string(name(view.reason)) + (exit.empty() ? "" : ", the last time with " + exit);
    default:
      return std::string(name(view.reason));
  }
}

std::string failure_text(const ViewContext& context, core::UnitIndex unit, const core::UnitView& view) {
  std::string text = result_text(context, unit, view);
  if (view.next_try != MonotonicTime::never())
    text += "; next try in " + duration_text(view.next_try - monotonic_now());
  return text;
}

std::string state_text(const ViewContext& context, core::UnitIndex unit, const core::UnitView& view) {
  if (view.state == core::PublicState::Failed) return "has failed: " + failure_text(context, unit, view);
  if (view.phase == core::State::Blocked) {
    const bool by_other = view.blocked_by != core::kNoUnit && view.blocked_by != unit;
    return by_other || view.reason == core::Reason::None ? "is blocked"
                                                         : "is blocked: " + std::string(name(view.reason));
  }
  std::string text = "is " + std::string(name(view.state));
  if (view.since.since_epoch == Duration::zero()) return text;  // from the beginning
  const Duration in_state = monotonic_now() - view.since;
  if (name(view.phase) != name(view.state)) text += ": " + std::string(name(view.phase));
  text += " for " + duration_text(in_state);
  if (view.limit != MonotonicTime::never()) text += " (limit " + duration_text(view.limit - view.since) + ")";
  return text;
}

}  // namespace init::manager
