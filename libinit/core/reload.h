// New unit files are in force.
#pragma once
#include <memory>

#include "libinit/core/world.h"

namespace init::core {

void on_reloaded(World& world, std::shared_ptr<const Graph> graph);

}  // namespace init::core
