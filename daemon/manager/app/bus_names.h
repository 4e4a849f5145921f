// Services that are ready when they own a name on D-Bus. The manager knows no bus: initd-bus does, an
// ordinary unit that is there exactly when some unit has a bus-name.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "libinit/unit/config.h"

namespace init::manager {

inline constexpr std::string_view kBusUnit = "initd-bus.service";

// The program beside the manager's own.
[[nodiscard]] std::string bus_program();

// Adds the unit that watches the names of the others, and what makes them want it. A unit file of that name
// stands in its place.
void add_bus_watcher(std::vector<unit::Unit>& units, const std::string& program);

}  // namespace init::manager
