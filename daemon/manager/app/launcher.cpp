#include "daemon/manager/app/launcher.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>
#include <optional>

#include "daemon/manager/os/directories.h"
#include "libinit/base/accounts.h"
#include "libinit/base/environment_file.h"
#include "libinit/core/policy.h"
#include "libinit/unit/expand.h"

namespace init::manager {
namespace {

using process::PlanInput;
using process::StdioKind;

constexpr const char* kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

struct Identity {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
  std::string name = "root", home = "/root", shell = "/bin/sh";
};

using Environment = std::map<std::string, std::string>;

Failure bad(const char* key, const std::string& value, std::string hint) {
  auto error = failure(0, key, value);
  error.value().hint = std::move(hint);
  return error;
}

Result<gid_t> group_id(const std::string& name, const char* key) {
  const auto found = find_group(name);
  if (!found) return bad(key, name, "no such group; add it or change the key");
  return *found;
}

bool same(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

// The account that initd runs as. Every unit without a user needs it, so the file is read again only when it
// changed.
const std::optional<User>& own_account() {
  static struct stat seen {};
  static std::optional<User> account;
  struct stat now {};
  const bool there = stat("/etc/passwd", &now) == 0;
  if (!there || now.st_ino != seen.st_ino || !same(now.st_ctim, seen.st_ctim)) {
    account = find_user(std::to_string(geteuid()));
    seen = now;
  }
  return account;
}

Result<Identity> resolve_identity(const unit::ServiceConfig& service) {
  Identity identity;
  identity.uid = geteuid();
  identity.gid = getegid();
  if (const auto account = service.user.empty() ? own_account() : find_user(service.user)) {
    identity.uid = account->uid;
    identity.gid = account->gid;
    identity.name = account->name;
    identity.home = account->home;
    identity.shell = account->shell;
    if (!service.user.empty()) identity.groups = account->groups;
  } else if (!service.user.empty()) {
    return bad("user", service.user, "no such user; add it or change the key");
  }
  if (!service.group.empty()) {
    auto gid = group_id(service.group, "group");
    if (!gid) return Failure(gid.error());
    identity.gid = *gid;
  }
  for (const auto& name : service.extra_groups) {
    auto gid = group_id(name, "extra-groups");
    if (!gid) return Failure(gid.error());
    identity.groups.push_back(*gid);
  }
  std::sort(identity.groups.begin(), identity.groups.end());
  identity.groups.erase(std::unique(identity.groups.begin(), identity.groups.end()), identity.groups.end());
  return identity;
}

constexpr std::array<const char*, unit::kDirectoryKinds> kDirectoryVariables = {
    "RUNTIME_DIRECTORY", "STATE_DIRECTORY", "CACHE_DIRECTORY", "LOGS_DIRECTORY", "CONFIGURATION_DIRECTORY"};

void add_directories(const unit::ServiceConfig& service, Environment& environment) {
  for (const auto& directory : service.directories) {
    std::string& value = environment[kDirectoryVariables[static_cast<std::size_t>(directory.kind)]];
    if (!value.empty()) value += ':';
    value += std::string(directory_base(directory.kind)) + "/" + directory.name;
  }
}

// Later wins: what initd sets, pass-environment, [environment], the files in their order; unset-environment
// takes out.
Result<Environment> make_environment(const unit::ServiceConfig& service, const Identity& identity,
                                     const LaunchRequest& request) {
  Environment environment{{"PATH", kDefaultPath},    {"HOME", identity.home},
                          {"USER", identity.name},   {"LOGNAME", identity.name},
                          {"SHELL", identity.shell}, {"INVOCATION_ID", request.invocation_id}};
  add_directories(service, environment);
  if (request.main_pid > 0) environment["MAINPID"] = std::to_string(request.main_pid);
  for (const auto& [name, value] : request.environment) environment[name] = value;
  for (const auto& name : service.pass_environment) {
    if (const char* value = getenv(name.c_str())) environment[name] = value;
  }
  for (const auto& [name, value] : service.environment) environment[name] = value;
  const auto read_files = [&environment](const std::vector<std::string>& paths, bool optional) -> Result<> {
    for (const auto& path : paths) {
      auto variables = read_environment_file(path);
      if (!variables) {
        if (optional && variables.error().code == ENOENT) continue;
        return Failure(variables.error());
      }
      for (auto& [name, value] : *variables) environment[name] = value;
    }
    return {};
  };
  if (auto read = read_files(service.environment_files, false); !read) return Failure(read.error());
  if (auto read = read_files(service.optional_environment_files, true); !read) return Failure(read.error());
  for (const auto& name : service.unset_environment) environment.erase(name);
  return environment;
}

PlanInput::Stdio plan_output(const unit::Unit& unit, const unit::Output& output, const Options& options) {
  PlanInput::Stdio stdio;
  stdio.path = output_path(unit, output, options);
  switch (output.kind) {
    case unit::OutputKind::Default:
      stdio.kind = StdioKind::Append;
      stdio.before_identity = true;
      break;
    case unit::OutputKind::Null:
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
  }
  return stdio;
}

void plan_stdio(const unit::Unit& unit, const Options& options, PlanInput& plan) {
  const auto& service = unit.service;
  switch (service.standard_input.kind) {
    case unit::InputKind::Null:
      plan.stdio[0].kind = StdioKind::Null;
      break;
    case unit::InputKind::File:
      plan.stdio[0] = {StdioKind::Read, service.standard_input.path, false, 0, 0};
      break;
    case unit::InputKind::Inherit:
      plan.stdio[0].kind = StdioKind::Inherit;
      break;
    case unit::InputKind::Console:
      plan.stdio[0].kind = StdioKind::Console;
      plan.controlling_tty = true;
      break;
  }
  plan.stdio[1] = plan_output(unit, service.standard_output, options);
  plan.stdio[2] = plan_output(unit, service.standard_error, options);
  const bool same = plan.stdio[1].kind == plan.stdio[2].kind && plan.stdio[1].path == plan.stdio[2].path;
  if (same && (plan.stdio[1].kind == StdioKind::Append || plan.stdio[1].kind == StdioKind::Truncate)) {
    plan.stdio[2] = {};
    plan.stdio[2].kind = StdioKind::SameAsStdout;
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
  plan.no_new_privileges = !as_root && service.no_new_privileges.value_or(identity.uid != 0);
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
  if (output.kind == unit::OutputKind::Default) return options.log_directory + "/" + unit.id + ".log";
  return output.path;
}

Result<std::vector<std::byte>> make_launch_plan(const unit::Unit& unit, const LaunchRequest& request,
                                                const Options& options) {
  const auto& service = unit.service;
  const unit::Step* step = find_step(service, request);
  if (step == nullptr)
    return bad("command", std::to_string(request.step), "the step is no longer in the unit file");
  auto identity = resolve_identity(service);
  if (!identity) return Failure(identity.error());
  auto environment = make_environment(service, *identity, request);
  if (!environment) return Failure(environment.error());
  PlanInput plan;
  if (auto planned = plan_command(*step, *environment, plan); !planned) return Failure(planned.error());
  for (const auto& directory : service.directories) {
    if (auto made = make_unit_directory(directory, identity->uid, identity->gid); !made)
      return Failure(made.error());
  }
  for (const auto& [name, value] : *environment) plan.environment.push_back(name + "=" + value);
  plan.working_directory = service.working_directory.empty() ? "/" : service.working_directory;
  plan.working_directory_may_miss = service.working_directory_may_miss;
  plan.root_directory = service.root_directory;
  plan.passed = request.passed;
  plan.listen_pid = request.listen_pid;
  plan.umask = service.umask;
  plan.nice = service.nice;
  plan.oom_score_adjust = service.oom_score_adjust;
  plan_identity(service, *identity, step->as_root, plan);
  plan_limits(service, plan);
  plan_stdio(unit, options, plan);
  return process::encode_plan(plan);
}

uid_t plan_user(std::span<const std::byte> plan) {
  process::ExecPlanHeader header;
  std::memcpy(&header, plan.data(), sizeof header);
  return header.uid == process::kKeepId ? geteuid() : header.uid;
}

}  // namespace init::manager
