// The way to the end: everything is held down, nothing starts any more, Power comes when all is down.
#pragma once
#include "libinit/core/world.h"

namespace init::core {

// A second one only changes where the way leads.
void begin_shutdown(World& world, PowerKind kind);
// When everything is down: Power, once.
void check_shutdown(World& world);

}  // namespace init::core
