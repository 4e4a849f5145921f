// Wishes: the first phase. A start is spread over what it pulls in, a stop over what stops with it; the
// machines follow when the units that were touched are looked at.
#pragma once
#include "libinit/core/world.h"

namespace init::core {

// Somebody asks for the unit: whatever it pulls in is wanted too, also what was stopped on purpose or has
// failed; what it excludes is stopped. flags: kByAdmin or kByBoot for the unit itself, 0 = another unit's end
// calls for it.
void want(World& world, UnitIndex unit, std::uint16_t flags, UnitIndex cause);
// The graph asks for it: only what is Idle comes up. After a run of its own it is a restart, and counts as
// one.
void pull(World& world, UnitIndex unit, UnitIndex cause);

// A prepared-by unit runs, or runs once more, whatever it has done before. Who requires it does not stop for
// that.
void run_anew(World& world, UnitIndex unit, UnitIndex cause);

enum class Stop : std::uint8_t {
  Suspend,  // the wish stays: it comes back as soon as it can
  Hold,     // no longer wanted, until somebody asks
  Release,  // no longer needed: whatever needs it again brings it up
};
void take_down(World& world, UnitIndex unit, Stop stop, UnitIndex cause);
// The unit ended unexpectedly: what is bound to it stops, and stays wanted.
void suspend_bound(World& world, UnitIndex unit);

// The unit has ended by itself and is not to be started again: it is inactive.
void fulfil(World& world, UnitIndex unit);

// Is "A kind B" a reason for B to be up while A is wanted?
[[nodiscard]] bool is_reason(unit::DependencyKind kind);
[[nodiscard]] bool is_needed(const World& world, UnitIndex unit);
// The dependency of `owner` on `unit` through which one moves the other: of these atoms, else any; null if
// none.
[[nodiscard]] const Link* find_link(const World& world, UnitIndex owner, UnitIndex unit, std::uint16_t atoms);
// Is a unit up that upholds it?
[[nodiscard]] UnitIndex upholder(const World& world, UnitIndex unit);

}  // namespace init::core
