#include "daemon/manager/app/launcher.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "daemon/manager/app/environment.h"
#include "daemon/manager/app/launch_context.h"
#include "daemon/manager/app/probes.h"
#include "libinit/core/policy.h"
#include "libinit/unit/expand.h"
#include "libinit/unit/outputs.h"

namespace init::manager {
namespace {

using process::PlanInput;
using process::StdioKind;

PlanInput::Stdio plan_output(const unit::Unit& unit, const unit::Output& output,
                             std::optional<std::uint32_t> pipe, const Options& options) {
  PlanInput::Stdio stdio;
  if (pipe) {
    stdio.kind = StdioKind::Passed;
    stdio.index = *pipe;
    return stdio;
  }
  stdio.path = output_path(unit, output, options);
  switch (output.kind) {
    case unit::OutputKind::Default:
    case unit::OutputKind::Syslog:
    case unit::OutputKind::Kmsg:
      stdio.kind = StdioKind::Append;
      stdio.before_identity = true;
      break;
    case unit::OutputKind::Null:
    case unit::OutputKind::Unit:
      stdio.kind = StdioKind::Null;
      break;
    case unit::OutputKind::File:
      stdio.kind = StdioKind::Append;
      break;
    case unit::OutputKind::Truncate:
      stdio.kind = StdioKind::Truncate;
      break;
    case unit::OutputKind::Inherit:
      stdio.kind = StdioKind::Inherit;
      break;
    case unit::OutputKind::Console:
      stdio.kind = StdioKind::Console;
      break;
    case unit::OutputKind::Tty:
      return terminal_of(unit.service);
  }
  return stdio;
}

void plan_outputs(const unit::Unit& unit, const LaunchRequest& request, const Options& options,
                  PlanInput& plan) {
  const std::array outputs{&unit.service.standard_output, &unit.service.standard_error};
  for (std::size_t i = 0; i < outputs.size(); ++i)
    plan.stdio[1 + i] = plan_output(unit, *outputs[i], request.pipes[1 + i], options);
  const bool same = plan.stdio[1].kind == plan.stdio[2].kind && plan.stdio[1].path == plan.stdio[2].path;
  if (same && (plan.stdio[1].kind == StdioKind::Append || plan.stdio[1].kind == StdioKind::Truncate)) {
    plan.stdio[2] = {};
    plan.stdio[2].kind = StdioKind::SameAsStdout;
  }
}

// Of files that initd opens.
void plan_owners(const unit::ServiceConfig& service, const Prepared& prepared, PlanInput& plan) {
  const std::array outputs{&service.standard_output, &service.standard_error};
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (!outputs[i]->by_initd) continue;
    PlanInput::Stdio& stdio = plan.stdio[1 + i];
    stdio.before_identity = true;
    stdio.mode = outputs[i]->mode;
    stdio.owner = prepared.output_owners[i].uid;
    stdio.group = prepared.output_owners[i].gid;
  }
}

void plan_identity(const unit::ServiceConfig& service, const Identity& identity, bool as_root,
                   PlanInput& plan) {
  const bool root = geteuid() == 0;
  if (root) {
    plan.uid = as_root ? 0 : identity.uid;
    plan.gid = as_root ? 0 : identity.gid;
    const std::vector<gid_t> groups = as_root ? std::vector<gid_t>{} : identity.groups;
    // Root without groups is what initd is itself; a user namespace may forbid setgroups(2) altogether.
    if (plan.uid != 0U || !groups.empty()) plan.groups = groups;
  } else if (identity.uid != geteuid() || identity.gid != getegid()) {
    plan.uid = identity.uid;  // will be refused by the kernel, and said so
    plan.gid = identity.gid;
  }
  plan_privileges(service, identity, as_root, plan);
}

Failure bad(const char* key, const std::string& value, std::string hint) {
  auto error = failure(0, key, value);
  error.value().hint = std::move(hint);
  return error;
}

// A probe runs as its unit does, but says nothing when all is well. One that looks for a path is told the
// root directory, for the program that looks is not in there.
Result<> plan_probe(const unit::Probe& probe, PlanInput& plan, Launch& launch) {
  if (plan.stdio[2].kind == StdioKind::SameAsStdout) plan.stdio[2] = plan.stdio[1];
  plan.stdio[1] = {};
  if (probe.kind == unit::ProbeKind::Command) return {};
  UniqueFd self(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  if (!self) return failure(errno, "open", "/proc/self/exe");
  plan.working_directory = std::string("/");
  plan.root_directory.clear();
  plan.passed = {{launch.pass(std::move(self)), kProbeProgramFd}};
  return {};
}

const unit::Step* find_step(const unit::ServiceConfig& service, const LaunchRequest& request) {
  const auto& steps = core::steps_of(service, request.role);
  return request.step < steps.size() ? &steps[request.step] : nullptr;
}

Result<> plan_command(const unit::Step& step, const Environment& environment, PlanInput& plan) {
  auto arguments =
      unit::expand_argv(step, [&environment](std::string_view name) -> std::optional<std::string> {
        const auto at = environment.find(std::string(name));
        return at == environment.end() ? std::nullopt : std::optional(at->second);
      });
  if (!arguments) return Failure(arguments.error());
  if (arguments->empty() || arguments->front().empty())
    return bad("command", "", "nothing is left after expansion");
  plan.program = arguments->front();
  const auto path = environment.find("PATH");
  plan.search_path = path == environment.end() ? std::string() : path->second;
  plan.arguments = std::move(*arguments);
  if (!step.argv0.empty()) plan.arguments.front() = step.argv0;
  return {};
}

void plan_limits(const unit::ServiceConfig& service, PlanInput& plan) {
  for (std::size_t resource = 0; resource < unit::kLimits; ++resource) {
    if (const auto& limit = service.limits[resource])
      plan.limits[resource] = process::LimitPlan{limit->soft, limit->hard};
  }
}

}  // namespace

std::string output_path(const unit::Unit& unit, const unit::Output& output, const Options& options) {
  const bool logged = output.kind != unit::OutputKind::Console && unit::is_logged(unit.service, output);
  if (logged) return options.log_directory + "/" + unit.id + ".log";
  const bool file = output.kind == unit::OutputKind::File || output.kind == unit::OutputKind::Truncate;
  return file ? output.path : std::string();
}

Result<Launch> make_launch_plan(const unit::Unit& unit, const LaunchRequest& request,
                                const Prepared& prepared, const Options& options) {
  const auto& service = unit.service;
  const auto asked =
      request.probe != nullptr ? probe_step(*request.probe, service.root_directory) : unit::Step{};
  const unit::Step* step = request.probe != nullptr ? &asked : find_step(service, request);
  if (step == nullptr)
    return bad("command", std::to_string(request.step), "the step is no longer in the unit file");
  const Identity& identity = prepared.identity;
  const Environment environment = make_environment(unit, prepared, request, options);
  Launch launch;
  launch.first = request.given;
  PlanInput plan;
  if (auto planned = plan_command(*step, environment, plan); !planned) return Failure(planned.error());
  for (const auto& [name, value] : environment) plan.environment.push_back(name + "=" + value);
  plan.working_directory = service.working_directory.empty() ? "/" : service.working_directory;
  plan.working_directory_may_miss = service.working_directory_may_miss;
  plan.root_directory = service.root_directory;
  plan.passed = request.passed;
  plan.await_end = request.await_end;
  plan.listen_pid = request.listen_pid;
  plan.watchdog_pid = request.watchdog_pid;
  plan.umask = service.umask;
  plan.nice = service.nice;
  plan.oom_score_adjust = service.oom_score_adjust;
  plan_identity(service, identity, step->as_root, plan);
  plan_scheduling(service.context.scheduling, plan);
  plan_limits(service, plan);
  plan_outputs(unit, request, options, plan);
  plan_owners(service, prepared, plan);
  auto planned = request.probe != nullptr ? plan_probe(*request.probe, plan, launch)
                                          : plan_input(service, request, plan, launch);
  if (!planned) return Failure(planned.error());
  auto encoded = process::encode_plan(plan);
  if (!encoded) return Failure(encoded.error());
  launch.plan = std::move(*encoded);
  launch.uid = identity.uid;
  launch.gid = identity.gid;
  return launch;
}

uid_t plan_user(std::span<const std::byte> plan) {
  process::ExecPlanHeader header;
  std::memcpy(&header, plan.data(), sizeof header);
  return header.uid == process::kKeepId ? geteuid() : header.uid;
}

}  // namespace init::manager
