// What people ask for.
#pragma once
#include "libinit/core/world.h"

namespace init::core {

void on_request(World& world, const Requested& request);
void on_shutdown_request(World& world, const ShutdownRequested& request);

}  // namespace init::core
