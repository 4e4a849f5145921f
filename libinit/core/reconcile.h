// The second phase: every unit that was touched is looked at, until none is left.
#pragma once
#include "libinit/core/world.h"

namespace init::core {

void settle(World& world);

}  // namespace init::core
