// The fields of an inspection in JSON. Sizes are bytes, times microseconds; an absent limit is no limit.
#include <sys/resource.h>

#include "ctl/inspect.h"
#include "libinit/api/json_write.h"
#include "libinit/process_info/names.h"

namespace init::process_info {

void describe(auto& visit, const Ids& it) {
  visit("real", it.real);
  visit("effective", it.effective);
  visit("saved", it.saved);
  visit("file_system", it.file_system);
}

void describe(auto& visit, const Signals& it) {
  visit("pending", it.pending.names());
  visit("thread_pending", it.thread_pending.names());
  visit("blocked", it.blocked.names());
  visit("ignored", it.ignored.names());
  visit("caught", it.caught.names());
  visit("queued", it.queued);
  visit("queue_limit", it.queue_limit);
}

void describe(auto& visit, const Memory& it) {
  visit("size", it.size);
  visit("peak", it.peak);
  visit("resident", it.resident);
  visit("swapped", it.swapped);
  visit("locked", it.locked);
}

void describe(auto& visit, const Limit& it) {
  if (it.soft != RLIM_INFINITY) visit("soft", it.soft);
  if (it.hard != RLIM_INFINITY) visit("hard", it.hard);
}

void describe(auto& visit, const Limits& it) {
  for (std::size_t resource = 0; resource < it.size(); ++resource) visit(limit_name(resource), it[resource]);
}

void describe(auto& visit, const Cgroup& it) {
  visit("hierarchy", it.hierarchy);
  visit.maybe("controllers", it.controllers);
  visit("path", it.path);
}

void describe(auto& visit, const Descriptor& it) {
  visit("number", it.number);
  visit("target", it.target);
  visit("position", it.position);
  visit("flags", flag_names(it.flags));
}

void describe(auto& visit, const RegionTotals& it) {
  for (std::size_t region = 0; region < kRegions; ++region)
    visit(name(static_cast<Region>(region)), it.bytes[region]);
}

void describe(auto& visit, const Mapping& it) {
  visit("begin", it.begin);
  visit("end", it.end);
  visit("rights", rights_text(it));
  visit("region", std::string(name(region_of(it))));
  visit("offset", it.offset);
  visit.maybe("inode", it.inode);
  visit.maybe("name", it.name);
}

}  // namespace init::process_info

namespace init::ctl {
namespace {

struct Capabilities {
  const process_info::Credentials& of;
};

void describe(auto& visit, const Capabilities& it) {
  visit("inheritable", it.of.inheritable.names());
  visit("permitted", it.of.permitted.names());
  visit("effective", it.of.effective.names());
  visit("bounding", it.of.bounding.names());
  visit("ambient", it.of.ambient.names());
}

std::vector<std::int32_t> numbers(const std::vector<process_info::Pid>& pids) {
  std::vector<std::int32_t> raw;
  for (const process_info::Pid pid : pids) raw.push_back(pid.raw());
  return raw;
}

void describe_identity(auto& visit, const process_info::Status& status) {
  const process_info::Credentials& it = status.credentials;
  visit("uid", it.uid);
  visit("gid", it.gid);
  visit("groups", it.groups);
  visit("capabilities", Capabilities{it});
  visit("no_new_privileges", it.no_new_privileges);
  visit("seccomp", it.seccomp);
  if (status.umask) visit("umask", *status.umask);
  if (status.tracer) visit("tracer", status.tracer->raw());
}

void describe_stat(auto& visit, const process_info::Stat& it) {
  visit("name", it.name);
  visit("state", process_info::state_name(it.state));
  if (it.parent) visit("parent", it.parent->raw());
  visit("group", it.group);
  visit("session", it.session);
  visit.maybe("terminal", it.terminal);
  visit("start_ticks", it.start_ticks);
  visit("user_time_us", it.user_time / std::chrono::microseconds(1));
  visit("system_time_us", it.system_time / std::chrono::microseconds(1));
  visit("threads", it.threads);
  visit("policy", process_info::policy_name(it.policy));
  visit("real_time_priority", it.real_time_priority);
  visit("nice", it.nice);
  visit("processor", it.processor);
}

void describe_memory(auto& visit, const Inspection& it, bool with_maps) {
  visit("memory", it.status.memory);
  visit("oom_score_adjust", it.oom_score_adjust);
  if (it.maps) visit("regions", process_info::totals_of(*it.maps));
  if (with_maps) visit("maps", it.maps);
}

// With or without each mapping.
struct Shown {
  const Inspection& it;
  bool with_maps;
};

void describe(auto& visit, const Shown& shown) {
  const Inspection& it = shown.it;
  visit("pid", it.pid.raw());
  visit("main", it.main);
  describe_stat(visit, it.stat);
  visit("running_for_us", it.running_for_us);
  visit.maybe("arguments", it.arguments);
  visit("program", it.program);
  visit("working_directory", it.working_directory);
  visit("root_directory", it.root_directory);
  if (it.children) visit("children", numbers(*it.children));
  describe_identity(visit, it.status);
  visit("signals", it.status.signals);
  visit("processors", it.status.processors);
  describe_memory(visit, it, shown.with_maps);
  visit("limits", it.limits);
  visit("cgroups", it.cgroups);
  visit("descriptors", it.descriptors);
  visit.maybe("denied", it.denied);
}

void describe(auto& visit, const UnitInspection& it) {
  visit("unit", it.unit);
  std::vector<Shown> processes;
  for (const Inspection& one : it.processes) processes.push_back({one, it.with_maps});
  visit("processes", processes);
}

}  // namespace

std::string to_json(const UnitInspection& inspection) {
  std::string out;
  api::ObjectWriter writer(out);
  describe(writer, inspection);
  writer.end();
  return out + "\n";
}

}  // namespace init::ctl
