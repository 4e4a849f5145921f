// What the steps of a unit, and units that are started because of another one, are told of a run in their
// environment: the words of systemd.exec(5).
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "libinit/core/engine.h"

namespace init::manager {

using Variables = std::vector<std::pair<std::string, std::string>>;

// EXIT_CODE, EXIT_STATUS, with this prefix; nothing where no process has ended.
void add_exit(const core::Exit& exit, const std::string& prefix, Variables& variables);
// SERVICE_RESULT and these: how the last run of the unit ended, each with this prefix. While the main process
// lives it has not ended.
void add_result(const core::UnitView& view, const std::string& prefix, Variables& variables);

// Of a process of this role. All but those before the main process: MAINPID while that lives. Stop steps: the
// result of the run. All: RESTART_COUNT. Those that begin a unit which another one's end has started: that
// unit's result, after MONITOR_, and MONITOR_UNIT.
[[nodiscard]] Variables hook_variables(const core::Engine& engine, core::UnitIndex unit, core::Role role);

}  // namespace init::manager
