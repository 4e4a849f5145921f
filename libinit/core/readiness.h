// What a service tells of itself, or is asked: readiness, reloads, its end, the watchdog, its health.
#pragma once
#include "libinit/core/world.h"

namespace init::core {

// None where a reload has changed the type: what it was started as knows nothing of the new one.
[[nodiscard]] Word awaited_word(const World& world, UnitIndex unit) noexcept;
// Is there anything to wait for between exec, or the fork, and up?
[[nodiscard]] bool awaits_readiness(const World& world, UnitIndex unit) noexcept;
// The main process runs; from here on its word, its bus name or a probe decides.
void await_readiness(World& world, UnitIndex unit);
// It is up and has a process: watchdog, run-timeout and health begin.
void begin_watch(World& world, UnitIndex unit);
// After a reload of unit files: the questions of the policy that is in force now are asked.
void check_readiness(World& world, UnitIndex unit);
// A forking service's first process has ended well: the main process is looked for.
void find_main(World& world, UnitIndex unit);

void on_notified(World& world, const Notified& event);
void on_probed(World& world, const Probed& event);
void on_name_owned(World& world, const NameOwned& event);
void on_probe_timer(World& world, UnitIndex unit);

}  // namespace init::core
