// How a run ends: by itself, or asked to; and what comes after. stopping.h is how its processes are ended.
#pragma once
#include "libinit/core/world.h"

namespace init::core {

[[nodiscard]] Reason reason_of(const Exited& event) noexcept;

// The run ended by itself (reason None: well), or its start failed. What is left of it is ended first.
void end_run(World& world, UnitIndex unit, Reason reason);
// Nothing of it is left: post-stop, if that is still to come; then what follows.
void finish_run(World& world, UnitIndex unit);
void fail(World& world, UnitIndex unit);

// It is to run again after a delay, if the limit allows.
void schedule_restart(World& world, UnitIndex unit);

}  // namespace init::core
