// How a run ends: by itself, by a stop schedule, by SIGKILL; and what comes after.
#pragma once
#include "libinit/core/world.h"

namespace init::core {

inline constexpr std::int32_t kSignalKill = 9;

[[nodiscard]] Reason reason_of(const Exit& exit) noexcept;

// The run ended by itself (reason None: well), or its start failed. What is left of it is ended first.
void end_run(World& world, UnitIndex unit, Reason reason);
// All that had to stop before it has stopped.
void begin_stop(World& world, UnitIndex unit);
// Something of the unit is gone: perhaps all of it is.
void check_end(World& world, UnitIndex unit);
// The time of this step of the stop schedule, or of the wait after KILL, is over.
void stop_step_over(World& world, UnitIndex unit);
// The stop signal or SIGKILL of the state it is in, once more.
void repeat_signal(World& world, UnitIndex unit);

// It is to run again after a delay, if the limit allows.
void schedule_restart(World& world, UnitIndex unit);

}  // namespace init::core
