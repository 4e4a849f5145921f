#include "daemon/manager/app/views.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <set>

#include "daemon/manager/app/launcher.h"
#include "daemon/manager/app/usage.h"
#include "daemon/manager/app/wording.h"
#include "daemon/manager/os/file.h"
#include "libinit/base/text.h"
#include "libinit/base/version.h"
#include "libinit/log/names.h"
#include "libinit/log/reader.h"
#include "libinit/process/child_steps.h"
#include "libinit/process/exit_status.h"
#include "libinit/process_info/process_info.h"
#include "libinit/unit/outputs.h"

namespace init::manager {
namespace {

constexpr std::size_t kShownLogBytes = 4096;
constexpr std::size_t kShownLogLines = 5;
constexpr std::size_t kShownProcesses = 64;
constexpr std::size_t kShownCommand = 4096;  // bytes

std::string wanted_text(const ViewContext& context, const core::WantedReason& reason) {
  switch (reason.kind) {
    case core::WantedReason::Kind::Admin:
      return "admin (uid " + std::to_string(reason.uid) + ")";
    case core::WantedReason::Kind::Boot:
      return "boot";
    case core::WantedReason::Kind::Unit:
      return name_of(context, reason.unit);
  }
  return {};
}

std::optional<api::Process> shown_process(pid_t number) {
  const auto pid = process::Pid::from(number);
  if (!pid) return std::nullopt;
  const auto info = process_info::ProcessInfo::open(*pid);
  const auto stat = info ? info->stat() : Result<process_info::Stat>(Failure(info.error()));
  if (!stat) return std::nullopt;  // has ended meanwhile
  api::Process shown{number,
                     stat->parent ? stat->parent->raw() : 0,
                     stat->name,
                     {},
                     static_cast<std::int64_t>(stat->start_ticks)};
  for (const std::string& argument : info->arguments(kShownCommand).value_or(std::vector<std::string>{}))
    shown.command += argument + " ";
  shown.command.erase(shown.command.find_last_not_of(' ') + 1);
  return shown;
}

// Their numbers alone.
std::vector<api::Process> processes_of(const ViewContext& context, core::UnitIndex unit) {
  std::vector<api::Process> found;
  for (const pid_t pid :
       context.processes.list({name_of(context, unit), context.engine.record(unit).leader})) {
    if (found.size() == kShownProcesses) break;
    found.emplace_back().pid = pid;
  }
  return found;
}

// Of a process that hangs in its own memory the kernel may not tell the command line for as long.
void describe_processes(std::vector<api::Process>& processes) {
  std::vector<api::Process> shown;
  for (const api::Process& process : processes) {
    if (auto one = shown_process(process.pid)) shown.push_back(std::move(*one));
  }
  processes = std::move(shown);
}

std::vector<std::string> last_lines(const std::string& path) {
  std::vector<std::string> lines;
  const std::string text = read_tail(path, kShownLogBytes);
  std::size_t end = text.size();
  if (end > 0 && text[end - 1] == '\n') --end;
  while (lines.size() < kShownLogLines && end > 0 && end != std::string::npos) {
    const std::size_t before = text.rfind('\n', end - 1);
    const std::size_t begin = before == std::string::npos ? 0 : before + 1;
    lines.push_back(text.substr(begin, end - begin));
    end = before;
  }
  std::reverse(lines.begin(), lines.end());
  return lines;
}

// The last lines of the last invocation in the file; a mark is never further away than this.
std::vector<std::string> last_stored_lines(const std::string& path, std::size_t most) {
  log::Reader reader;
  reader.feed(read_tail(path, log::kMarkEvery + 2 * log::kLongestText));
  std::deque<std::string> lines;
  std::string invocation;
  bool goes_on = false;
  for (log::Entry entry; reader.next(entry);) {
    if (reader.invocation() != invocation) lines.clear();
    invocation = reader.invocation();
    const std::string_view text = goes_on ? entry.text : log::without_prefix(entry.text);
    goes_on && !lines.empty() ? void(lines.back() += text) : void(lines.emplace_back(text));
    goes_on = entry.ending == log::Ending::Continues;
    if (lines.size() > most) lines.pop_front();
  }
  return {lines.begin(), lines.end()};
}

bool changed_on_disk(const ViewContext& context, const unit::Unit& unit) {
  struct stat status {};
  for (const auto& path : unit.files) {
    if (stat(path.c_str(), &status) != 0) return true;
    const Duration modified = std::chrono::seconds(status.st_mtim.tv_sec) + Duration(status.st_mtim.tv_nsec);
    if (modified.count() > context.intents.loaded_wall_ns) return true;
  }
  return false;
}

std::optional<api::Blocker> blocker_of(const ViewContext& context, core::UnitIndex unit,
                                       const core::UnitView& view) {
  if (view.blocked_by == core::kNoUnit || view.blocked_by == unit) return std::nullopt;
  return api::Blocker{name_of(context, view.blocked_by), std::string(relation_of(view.blocked_kind)),
                      where_of(context, view.blocked_owner, view.blocked_dependency)};
}

std::vector<std::string> problems_of(const ViewContext& context, core::UnitIndex unit) {
  std::vector<std::string> problems;
  for (const auto& cycle : context.engine.graph()->cycles()) {
    const bool member = std::any_of(
        cycle.edges.begin(), cycle.edges.end(),
        [unit](const core::CycleEdge& edge) { return edge.after == unit || edge.before == unit; });
    if (!member && unit != core::kNoUnit) continue;
    std::string text = cycle.strong ? "dependency cycle, its services are refused:"
                                    : "dependency cycle, weak order dropped:";
    for (const auto& edge : cycle.edges) {
      text += (&edge == cycle.edges.data() ? " " : ", ") + name_of(context, edge.after) + " after " +
              name_of(context, edge.before) + " (" + where_of(context, edge.owner, edge.dependency) + ")";
    }
    problems.push_back(std::move(text));
  }
  return problems;
}

// What a manager that may not see to everything leaves alone, and why.
std::vector<std::string> restrictions_of(const ViewContext& context) {
  std::vector<std::string> told;
  const auto& aside = context.configuration.aside;
  if (context.restriction.essential_only) {
    told.push_back("safe mode: the manager crashed " + std::to_string(context.facts.manager_deaths) +
                   " times in a row and sees to essential units only, " + std::to_string(aside.size()) +
                   " others are left as they are; initctl reexec tries all of them again");
  }
  for (const std::uint64_t tag : context.restriction.refused) {
    const auto at = aside.find(tag);
    if (at != aside.end())
      told.push_back(at->second +
                     " is set aside: it made the manager crash twice; initctl reexec takes it back");
  }
  if (context.refuses_requests)
    told.emplace_back("a request that made the manager crash twice is refused; initctl reexec lifts that");
  return told;
}

// What the logger has stored of the newest activation, or the plain file.
void describe_log(const ViewContext& context, const unit::Unit& unit, api::Status& status) {
  const auto& output = unit.service.standard_output;
  if (unit::is_logged(unit.service, output) && context.logging.available()) {
    status.log_path = context.options.log_directory + "/" + unit.id + "/" + std::string(log::kCurrent);
    const std::string memory = context.options.runtime + "/log/" + unit.id + "/" + std::string(log::kCurrent);
    status.log_tail = last_stored_lines(memory, kShownLogLines);
    if (status.log_tail.empty()) status.log_tail = last_stored_lines(status.log_path, kShownLogLines);
    if (std::string trouble = context.logging.trouble(unit.id); !trouble.empty())
      status.problems.push_back("log: " + trouble);
    return;
  }
  status.log_path = output_path(unit, output, context.options);
  if (!status.log_path.empty()) status.log_tail = last_lines(status.log_path);
}

void describe_definition(const ViewContext& context, const unit::Unit& unit, api::Status& status) {
  status.description = unit.description;
  status.files = unit.files;
  for (auto& problem : not_in_force(context, unit)) status.problems.push_back(std::move(problem));
}

const char* environment_name(channel::Environment environment) {
  switch (environment) {
    case channel::Environment::Machine:
      return "machine";
    case channel::Environment::Container:
      return "container";
    case channel::Environment::Process:
      return "process";
  }
  return "";
}

const char* system_state_name(core::SystemState state) {
  switch (state) {
    case core::SystemState::Starting:
      return "starting";
    case core::SystemState::Running:
      return "running";
    case core::SystemState::Degraded:
      return "degraded";
    case core::SystemState::Stopping:
      return "stopping";
  }
  return "";
}

api::Counts counts_of(const ViewContext& context) {
  const auto counts = context.engine.counts();
  const auto at = [&counts](core::PublicState state) {
    return static_cast<std::int32_t>(counts[static_cast<std::size_t>(state)]);
  };
  api::Counts shown;
  shown.total = static_cast<std::int32_t>(context.engine.graph()->loaded_count());
  shown.active = at(core::PublicState::Active) + at(core::PublicState::Reloading);
  shown.inactive = at(core::PublicState::Inactive);
  shown.activating = at(core::PublicState::Activating);
  shown.deactivating = at(core::PublicState::Deactivating);
  shown.failed = at(core::PublicState::Failed);
  return shown;
}

std::string blocked_text(const ViewContext& context, core::UnitIndex unit, const core::UnitView& view) {
  if (view.blocked_by == core::kNoUnit || view.blocked_by == unit) return std::string(name(view.reason));
  return std::string(relation_of(view.blocked_kind)) + " " + name_of(context, view.blocked_by) + ", which " +
         state_text(context, view.blocked_by, context.engine.view(view.blocked_by));
}

std::string kind_of(const std::string& id) {
  return id.substr(id.rfind('.') + 1);
}

}  // namespace

api::Status status_of(const ViewContext& context, core::UnitIndex unit) {
  const auto view = context.engine.view(unit);
  api::Status status;
  status.id = name_of(context, unit);
  status.kind = kind_of(status.id);
  status.state = to_api(view.state);
  status.substate = name(view.phase);
  status.since_us = wall_us(view.since);
  if (view.state == core::PublicState::Active) {
    status.active_for_us =
        std::max<std::int64_t>(1, (monotonic_now() - view.since) / std::chrono::microseconds(1));
  }
  if (view.goal == core::Goal::Up) {
    for (const auto& reason : context.engine.wanted_by(unit))
      status.wanted.push_back(wanted_text(context, reason));
  }
  status.waiting_for = progress_of(context, unit);
  status.main_pid = view.main_pid;
  if (const Voice* voice = context.voices.find(context.engine.graph()->tag(unit)))
    status.status_text = voice->status;
  status.processes = processes_of(context, unit);
  status.usage = usage_of(context, unit);
  status.slice = slice_of(context, unit);
  status.last_run = context.units[unit].last_run;
  if (view.last_exit.kind != core::Exit::Kind::None) {
    constexpr const char* kKinds[] = {"", "exited", "signaled", "dumped"};
    status.exit = api::ExitInfo{kKinds[static_cast<int>(view.last_exit.kind)], view.last_exit.value,
                                to_status(view.last_exit).text()};
  }
  if (view.reason == core::Reason::Setup || view.reason == core::Reason::Config) {
    const bool plan = view.reason == core::Reason::Config;
    status.error =
        api::StartError{plan ? "plan" : child_step_name(static_cast<process::ChildStep>(view.error_step)),
                        view.error, result_text(context, unit, view)};
  }
  status.restarts = static_cast<std::int32_t>(view.restarts);
  status.next_try_in_us = us_until(view.next_try);
  status.blocked_by = blocker_of(context, unit, view);
  status.result = result_text(context, unit, view);
  status.problems = problems_of(context, unit);
  if (const auto definition = context.configuration.unit(unit))
    describe_definition(context, *definition, status);
  return status;
}

std::string progress_of(const ViewContext& context, core::UnitIndex unit) {
  const auto view = context.engine.view(unit);
  if (view.blocked_by != core::kNoUnit && view.blocked_by != unit) {
    const auto other = context.engine.view(view.blocked_by);
    return "waiting for " + name_of(context, view.blocked_by) + " (" +
           std::string(relation_of(view.blocked_kind)) + "), which " +
           state_text(context, view.blocked_by, other);
  }
  const bool moving = view.state == core::PublicState::Activating ||
                      view.state == core::PublicState::Deactivating ||
                      view.state == core::PublicState::Reloading;
  return moving ? state_text(context, unit, view) : std::string();
}

api::SystemReply system_of(const ViewContext& context) {
  api::SystemReply reply;
  char host[65] = {};
  (void)gethostname(host, sizeof host - 1);
  reply.host = host;
  reply.version = kVersion;
  reply.environment = environment_name(context.facts.environment);
  reply.state = system_state_name(context.engine.system_state());
  const MonotonicTime started{Duration(static_cast<std::int64_t>(context.facts.started_ns))};
  reply.since_us = wall_us(started);
  reply.up_for_us = (monotonic_now() - started) / std::chrono::microseconds(1);
  reply.boot_us = Duration(context.intents.boot_duration_ns) / std::chrono::microseconds(1);
  reply.units = counts_of(context);
  for (core::UnitIndex unit = 0; unit < context.engine.graph()->size(); ++unit) {
    const auto view = context.engine.view(unit);
    if (view.phase == core::State::Blocked) {
      reply.blocked.push_back({name_of(context, unit), blocked_text(context, unit, view)});
    } else if (view.state == core::PublicState::Failed) {
      reply.failed.push_back({name_of(context, unit), failure_text(context, unit, view)});
    }
  }
  constexpr const char* kVerbs[] = {"start",  "stop",         "restart", "try-restart",
                                    "reload", "reset-failed", "shutdown"};
  for (const auto& job : context.engine.jobs()) {
    const std::string progress = job.unit == core::kNoUnit ? "" : progress_of(context, job.unit);
    reply.jobs.push_back({name_of(context, job.unit),
                          kVerbs[static_cast<int>(job.verb)] + (progress.empty() ? "" : ", " + progress)});
  }
  reply.manager_restarts = static_cast<std::int32_t>(context.facts.manager_restarts);
  reply.epoch = static_cast<std::int64_t>(context.facts.epoch);
  reply.log_directory = context.options.log_directory;
  reply.problems = problems_of(context, core::kNoUnit);
  for (auto& problem : restrictions_of(context)) {
    if (reply.state == "running") reply.state = "degraded";
    reply.problems.push_back(std::move(problem));
  }
  return reply;
}

api::ListReply list_of(const ViewContext& context, const api::ListRequest& request) {
  api::ListReply reply;
  const Duration ahead = wall_ahead();
  const auto& graph = *context.engine.graph();
  reply.units.reserve(graph.loaded_count());
  for (core::UnitIndex unit = 0; unit < graph.size(); ++unit) {
    const auto view = context.engine.view(unit);
    if (!graph.is_loaded(unit) && view.state == core::PublicState::Inactive) continue;
    api::ListRow row;
    row.id = graph.name(unit);
    if (!request.kind.empty() && kind_of(row.id) != request.kind) continue;
    const bool blocked = view.phase == core::State::Blocked;
    const bool state_fits = request.state == name(view.state) || (request.state == "blocked" && blocked);
    if (!request.state.empty() && !state_fits) continue;
    if (!request.pattern.empty() && fnmatch(request.pattern.c_str(), row.id.c_str(), 0) != 0) continue;
    row.state = to_api(view.state);
    row.substate = name(view.phase);
    row.wanted = view.goal == core::Goal::Up;
    if (blocked && view.blocked_by != unit) row.blocked_by = name_of(context, view.blocked_by);
    row.main_pid = view.main_pid;
    row.since_us = wall_us(view.since, ahead);
    row.description = context.configuration.generation.description(unit);
    reply.units.push_back(std::move(row));
  }
  return reply;
}

api::CatReply cat_of(const ViewContext& context, core::UnitIndex unit) {
  api::CatReply reply;
  const auto definition = context.configuration.unit(unit);
  if (!definition) return reply;
  for (const auto& path : definition->files) reply.files.push_back({path, {}});
  return reply;
}

void look_at_disk(const ViewContext& context, api::Status& status) {
  describe_processes(status.processes);
  const auto index = context.engine.graph()->find(status.id);
  const auto unit = index ? context.configuration.unit(*index) : std::nullopt;
  if (!unit) return;
  status.changed_on_disk = changed_on_disk(context, *unit);
  if (unit->kind == unit::Kind::Service) describe_log(context, *unit, status);
}

void look_at_disk(const ViewContext& context, api::Reply& reply) {
  if (auto* status = std::get_if<api::Status>(&reply)) look_at_disk(context, *status);
  if (auto* job = std::get_if<api::JobReply>(&reply); job != nullptr && job->status)
    look_at_disk(context, *job->status);
  if (auto* cat = std::get_if<api::CatReply>(&reply)) {
    for (auto& file : cat->files) {
      const auto text = read_file(AT_FDCWD, file.path, 256 * 1024);
      file.text = text ? *text : "# " + text.error().text() + "\n";
    }
  }
}

void leave_out_disk(api::Reply& reply) {
  const std::string late = "reading them takes too long";
  const std::string parts = "processes and log not shown: " + late;
  if (auto* status = std::get_if<api::Status>(&reply)) status->problems.push_back(parts);
  if (auto* job = std::get_if<api::JobReply>(&reply); job != nullptr && job->status)
    job->status->problems.push_back(parts);
  if (auto* cat = std::get_if<api::CatReply>(&reply)) {
    for (auto& file : cat->files) file.text = "# not shown: reading it takes too long\n";
  }
}

}  // namespace init::manager
