// Gates: what a unit waits for on its way up and down.
#pragma once
#include "libinit/core/world.h"

namespace init::core {

// Of several the last counts.
enum class Verdict : std::uint8_t {
  Open,
  Wait,   // closed, and something that is under way will open it, or show that it stays closed
  Pull,   // closed, and nobody has asked for that unit: ask
  Block,  // closed until something else changes
};

// Why it can never start, by itself: not loaded, or on a cycle.
[[nodiscard]] Reason unfit(const World& world, UnitIndex unit);

// Looks at all that the unit requires, then at those that it merely waits for, up to one that is closed. The
// cursor stays at the gate that decides: while one of those last is closed the next look at them costs one
// step. The verdict is the same wherever it stood. What prepares the unit must be able to run; from Preparing
// on it must have run.
[[nodiscard]] Verdict check_start(World& world, UnitIndex unit);
[[nodiscard]] Verdict check_stop(World& world, UnitIndex unit);

// May it be started although nobody asks? Not what was stopped on purpose, nor against a unit that is wanted.
[[nodiscard]] bool may_pull(const World& world, UnitIndex unit);

}  // namespace init::core
