// What each kind of dependency means, as a set of independent atoms. The engine never asks for a kind, only
// for atoms.
#pragma once
#include <cstdint>

#include "libinit/unit/config.h"

namespace init::core {

// "A kind B" stands in A's file.
enum class Atom : std::uint16_t {
  PullsStart = 1U << 0,     // wanting A wants B
  Needs = 1U << 1,          // A cannot start unless B is up
  ChecksOnly = 1U << 2,     // ... and a request for A that finds B down is answered "skipped"
  StopsWith = 1U << 3,      // B stops or restarts on purpose: A stops first, and stays wanted
  StopsForGood = 1U << 4,   // B stops on purpose: A is no longer wanted either
  FollowsExit = 1U << 5,    // B ends unexpectedly: A stops
  KeepsUp = 1U << 6,        // while A is up, B is started again whenever it ends
  Excludes = 1U << 7,       // A and B are never up together; whoever is asked for last wins
  RunsAnew = 1U << 8,       // B runs once more before each start of A
  AfterFailure = 1U << 9,   // A fails: B is started
  AfterSuccess = 1U << 10,  // A ends well: B is started
  ReloadsWith = 1U << 11,   // B is reloaded: A too
  StopOrder = 1U << 12,     // says who stops first
  AtLimit = 1U << 13,       // A was restarted too often: B is started
};

// The atoms by which one unit starts, or stops, another.
inline constexpr auto kStartingAtoms = static_cast<std::uint16_t>(
    static_cast<unsigned>(Atom::PullsStart) | static_cast<unsigned>(Atom::RunsAnew) |
    static_cast<unsigned>(Atom::KeepsUp) | static_cast<unsigned>(Atom::AfterFailure) |
    static_cast<unsigned>(Atom::AfterSuccess) | static_cast<unsigned>(Atom::AtLimit));
inline constexpr auto kStoppingAtoms = static_cast<std::uint16_t>(static_cast<unsigned>(Atom::StopsWith) |
                                                                  static_cast<unsigned>(Atom::Excludes) |
                                                                  static_cast<unsigned>(Atom::FollowsExit));

[[nodiscard]] bool has(unit::DependencyKind kind, Atom atom) noexcept;
[[nodiscard]] std::uint16_t atoms(unit::DependencyKind kind) noexcept;

}  // namespace init::core
