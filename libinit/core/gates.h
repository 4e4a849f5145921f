// Gates: what a unit waits for on its way up and down.
#pragma once
#include "libinit/core/world.h"

namespace init::core {

enum class Verdict : std::uint8_t {
  Open,
  Wait,   // closed, and something that is under way will open it, or show that it stays closed
  Block,  // closed until something else changes
  Pull,   // closed, and nobody has asked for that unit: ask
};

// Why it can never start, by itself: not loaded, or on a cycle.
[[nodiscard]] Reason unfit(const World& world, UnitIndex unit);

// Looks at the gates from the unit's cursor on, once around, and stops at the first that is closed. The
// cursor stays there: while that one is closed the next look costs one step. What prepares the unit must be
// able to run; from Preparing on it must have run.
[[nodiscard]] Verdict check_start(World& world, UnitIndex unit);
[[nodiscard]] Verdict check_stop(World& world, UnitIndex unit);

// May it be started although nobody asks? Not what was stopped on purpose, nor against a unit that is wanted.
[[nodiscard]] bool may_pull(const World& world, UnitIndex unit);

}  // namespace init::core
