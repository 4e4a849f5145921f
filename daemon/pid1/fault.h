// A fault in PID 1 must not be its end: the handler executes the sealed copy of initd anew, with --resume and
// the number of the facts, which hold all that the next self must know. SIGTERM on a machine goes the same
// way, on purpose. The ladder: a fault inside the handler, or the third within a minute, reboots a machine
// and ends a container with 70.
#pragma once
#include <csignal>

#include "daemon/pid1/facts.h"

namespace init::pid1 {

inline constexpr const char* kResumeOption = "--resume";

// All signals but those of a fault: one that is blocked kills at once.
[[nodiscard]] sigset_t everything_but_faults() noexcept;

// argv is initd's own; --resume, when there, is the first of its words.
void arm_fault_handlers(char* const* argv, const Facts& facts) noexcept;

// Returns only when the exec fails.
void execute_anew() noexcept;

}  // namespace init::pid1
