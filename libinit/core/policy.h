// What of a unit's file the engine follows when a process ends: pure functions of policy and exit.
#pragma once
#include <cstdint>

#include "libinit/core/graph.h"
#include "libinit/core/record.h"

namespace init::core {

// What a process of this role runs, step by step.
[[nodiscard]] const std::vector<unit::Step>& steps_of(const unit::ServiceConfig& service, Role role) noexcept;

// Is a run's first process of this role?
[[nodiscard]] bool begins_run(const Policy& policy, Role role) noexcept;

[[nodiscard]] Policy make_policy(const unit::Unit& unit);
[[nodiscard]] Word word_of(const Policy& policy) noexcept;

// Did it end well? Exit code 0 and success-exit; of a service that is no oneshot also the signals that ask a
// program to end: HUP, INT, TERM, PIPE (as systemd.service(5) has it).
[[nodiscard]] bool is_clean(const Policy& policy, const Exit& exit) noexcept;

// Is it to be started again by itself? reason says how the run ended; None and ExitCode and Signal mean: as
// exit says.
[[nodiscard]] bool wants_restart(const Policy& policy, Reason reason, const Exit& exit) noexcept;

// Doubles with each quick end, plus up to an eighth of jitter, capped. Never shorter than restart-delay.
[[nodiscard]] Duration restart_delay(const Policy& policy, std::uint32_t quick_ends,
                                     std::uint64_t noise) noexcept;
// The same for a spawn that lacked resources: 50 ms doubling to 1 s.
[[nodiscard]] Duration spawn_delay(std::uint32_t failures) noexcept;

}  // namespace init::core
