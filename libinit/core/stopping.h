// How the processes of a run are ended: pre-stop and stop steps, the abort signal, the stop schedule,
// SIGKILL; and post-stop when they have.
#pragma once
#include "libinit/core/world.h"

namespace init::core {

inline constexpr std::int32_t kSignalKill = 9;

// All that had to stop before it has stopped: hooks first, if the run came up and still has its process.
void begin_stop(World& world, UnitIndex unit);
// The signals, for what is left.
void begin_signals(World& world, UnitIndex unit);
// The abort signal first.
void begin_abort(World& world, UnitIndex unit);
void begin_post_stop(World& world, UnitIndex unit);
// A step of pre-stop, stop or post-stop is over.
void stop_hook_ended(World& world, UnitIndex unit, bool failed);
// Something of the unit is gone: perhaps all of it is.
void check_end(World& world, UnitIndex unit);
// The time of the state it is in, on the way down, is over.
void stop_step_over(World& world, UnitIndex unit);
// The stop signal or SIGKILL of the state it is in, once more.
void repeat_signal(World& world, UnitIndex unit);
// stop-timeout, which a shutdown bounds.
[[nodiscard]] Duration stop_limit(const World& world, UnitIndex unit);

}  // namespace init::core
