#include "daemon/manager/app/bus_names.h"

#include <unistd.h>

#include <algorithm>
#include <array>

namespace init::manager {

std::string bus_program() {
  std::array<char, 4096> self{};
  const ssize_t size = readlink("/proc/self/exe", self.data(), self.size());
  const std::string path(self.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  const std::size_t end = path.rfind('/');
  return (end == std::string::npos ? "/usr/lib/initd" : path.substr(0, end)) + "/initd-bus";
}

void add_bus_watcher(std::vector<unit::Unit>& units, const std::string& program) {
  unit::Unit watcher;
  watcher.id = kBusUnit;
  watcher.description = "Tells initd who owns which name on D-Bus";
  watcher.stop_when_unneeded = true;
  watcher.service.restart = unit::RestartPolicy::Always;
  watcher.service.notify_access = unit::NotifyAccess::Main;
  watcher.service.pass_environment = {"DBUS_SYSTEM_BUS_ADDRESS"};
  unit::Step step;
  step.argv = {program};
  for (unit::Unit& unit : units) {
    const std::string& name = unit.service.bus_name;
    if (name.empty()) continue;
    if (std::find(step.argv.begin(), step.argv.end(), name) == step.argv.end()) step.argv.push_back(name);
    unit.dependencies.push_back({unit::DependencyKind::Wants, watcher.id, {}, false});
  }
  const auto is_watcher = [](const unit::Unit& unit) { return unit.id == kBusUnit; };
  if (step.argv.size() == 1 || std::any_of(units.begin(), units.end(), is_watcher)) return;
  watcher.service.command = {std::move(step)};
  units.push_back(std::move(watcher));
}

}  // namespace init::manager
