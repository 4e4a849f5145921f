// The machine of one unit on its way up, and while it is up: from the moment its gates are open to the moment
// its run ends (ending.h). state.cpp has the table.
#pragma once
#include "libinit/core/world.h"

namespace init::core {

void begin_start(World& world, UnitIndex unit);
void begin_reload(World& world, UnitIndex unit);  // by steps, or by signal
// remain-after-exit: up without a process.
void bring_up(World& world, UnitIndex unit);
// Whatever it was to wait for has come: post-start, then up.
void became_ready(World& world, UnitIndex unit);
// A reload is over: by its steps, or by the service's own word.
void end_reload(World& world, UnitIndex unit, bool well);
// Nothing else is being started: whatever waited for that goes on. True if something did.
bool release_idle(World& world);

// One step of a list, by a new attempt. False if there is no such step.
bool run_step(World& world, UnitIndex unit, State state, std::size_t step);

// What the process whose attempt is the unit's main or control one has done. Others are ignored.
void on_spawned(World& world, const Spawned& event);
void on_exec_succeeded(World& world, const ExecSucceeded& event);
void on_spawn_failed(World& world, const SpawnFailed& event);
void on_exited(World& world, const Exited& event);
void on_starved(World& world, const Starved& event);
void on_group_empty(World& world, UnitIndex unit);
void on_phase_timer(World& world, UnitIndex unit);
void on_restart_timer(World& world, UnitIndex unit);

// After a restart of the manager: PID 1 knows nothing of this process. It is asked for again where it is
// awaited.
void repeat_spawn(World& world, UnitIndex unit, Attempt attempt);

}  // namespace init::core
