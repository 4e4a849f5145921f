#include "daemon/manager/app/usage.h"

#include "daemon/manager/app/wording.h"
#include "daemon/manager/os/resources.h"
#include "libinit/unit/key_places.h"

namespace init::manager {
namespace {

std::int64_t shown(const std::optional<std::uint64_t>& value) {
  return static_cast<std::int64_t>(value.value_or(0));
}

}  // namespace

std::string slice_of(const ViewContext& context, core::UnitIndex unit) {
  std::string path = context.processes.leaf(context.engine.graph()->name(unit));
  const std::size_t end = path.rfind('/');
  if (end == std::string::npos) return {};
  path.resize(end);
  return path.substr(path.rfind('/') + 1);
}

std::optional<api::Usage> usage_of(const ViewContext& context, core::UnitIndex unit) {
  if (!context.processes.has_cgroups()) return std::nullopt;
  const Usage usage = read_usage(context.processes.units_directory(),
                                 context.processes.leaf(context.engine.graph()->name(unit)));
  if (!usage.cpu_us && !usage.memory && !usage.tasks) return std::nullopt;  // has none right now
  return api::Usage{shown(usage.memory),     shown(usage.memory_peak),
                    shown(usage.memory_max), shown(usage.swap),
                    shown(usage.tasks),      shown(usage.tasks_max),
                    shown(usage.cpu_us),     shown(usage.io_read),
                    shown(usage.io_written), static_cast<std::int64_t>(usage.oom_kills)};
}

std::vector<std::string> not_in_force(const ViewContext& context, const unit::Unit& unit) {
  std::vector<std::string> problems;
  const auto say = [&](const std::string& key, const std::string& why) {
    problems.push_back(unit::place_of(unit, "resources", key) + ": " + key + " is not in force: " + why);
  };
  const std::string leaf = context.processes.leaf(unit.id);
  if (!unit.service.context.resources.slice.empty() && !context.processes.has_cgroups())
    say("slice", "no control groups (" + context.processes.why_no_cgroups() + ")");
  for (const auto& setting : cgroup_settings(unit.service.context.resources, machine_memory())) {
    if (!context.processes.has_cgroups()) {
      say(setting.key, "no control groups (" + context.processes.why_no_cgroups() + ")");
    } else if (lacks_file(context.processes.units_directory(), leaf, setting.file)) {
      say(setting.key, "there is no controller \"" + setting.controller + "\" for it here");
    }
  }
  return problems;
}

}  // namespace init::manager
