// The engine's insides: one plain struct that every part works on, and the few operations that all parts
// share.
#pragma once
#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "libinit/core/action.h"
#include "libinit/core/dependency_table.h"
#include "libinit/core/graph.h"
#include "libinit/core/jobs.h"
#include "libinit/core/record.h"

namespace init::core {

// The longest that the engine waits for a stop at shutdown where a unit says "infinity", and for the end
// after KILL.
inline constexpr Duration kShutdownWait = std::chrono::seconds(90);
inline constexpr Duration kKillWait = std::chrono::seconds(5);
// A wait for the next try that is longer than this is called a failure, not an activation.
inline constexpr Duration kShortBackoff = std::chrono::seconds(1);

// What is known of a unit beside its record; all of it can be found again.
struct Derived {
  std::uint32_t cursor = 0;  // the gate that was closed when it was last looked at
  std::uint32_t stamp = 0;   // the last walk over the graph that met it
  bool dirty = false;        // stands in World::dirty
  bool changed = false;      // stands in World::changed
};

struct World {
  std::shared_ptr<const Graph> graph;
  std::uint64_t seed = 0;
  std::vector<UnitRecord> units;
  std::vector<Derived> derived;
  std::vector<UnitIndex> dirty;  // to be looked at, first in first out, from dirty_head on
  std::size_t dirty_head = 0;
  std::vector<UnitIndex> changed;
  Jobs jobs;
  std::array<std::uint32_t, kPublicStates> counts{};  // of loaded units
  std::uint32_t busy = 0;                             // units that are not down
  std::uint32_t idling = 0;                           // units that wait for quiet
  std::uint32_t starting = 0;                         // units that disturb it: all others that start
  std::optional<PowerKind> shutdown;
  bool powered = false;
  std::uint64_t looks = 0;  // units looked at, ever: the measure of work
  std::uint32_t walk = 0;   // stamps Derived::stamp
  MonotonicTime now;
  ActionSink* sink = nullptr;

  void emit(const Action& action) { sink->emit(action); }
  // The record, to be written; it counts as changed from here on.
  UnitRecord& edit(UnitIndex unit);
  // The unit is looked at once more before the event is over.
  void touch(UnitIndex unit);
  void touch_watchers(UnitIndex unit);
};

void load_graph(World& world, std::shared_ptr<const Graph> graph);
// After load_graph: the record of a unit from before a reload or a crash.
void take_up(World& world, UnitIndex unit, const UnitRecord& record);
void enter(World& world, UnitIndex unit, State state);

void arm(World& world, UnitIndex unit, TimerKind kind, MonotonicTime deadline);  // never() = cancel
void cancel(World& world, UnitIndex unit, TimerKind kind);
void arm_again(World& world, UnitIndex unit);  // what the record says is armed or asked, as it says

inline bool has_flag(const UnitRecord& record, std::uint16_t flag) {
  return (record.flags & flag) != 0;
}
inline void set_flag(UnitRecord& record, std::uint16_t flag, bool on) {
  record.flags = static_cast<std::uint16_t>(on ? record.flags | flag : record.flags & ~flag);
}

// Does something of its last run still live, so that it must not be started? (kill-mode main and none leave
// helpers alone.)
[[nodiscard]] bool has_leftover(const World& world, UnitIndex unit);
// Is it what a requirement asks for: up, or, while it has a file, a oneshot that succeeded or what its
// condition commands have skipped?
[[nodiscard]] bool is_usable(const World& world, UnitIndex unit);

// Whom a unit waits for, in Waiting, Blocked, Preparing and StopWaiting.
struct Witness {
  UnitIndex unit = kNoUnit;  // may be the unit itself: cycle, not loaded
  const Gate* gate = nullptr;
  bool checks_only = false;
};
[[nodiscard]] Witness blocking(const World& world, UnitIndex unit);

}  // namespace init::core
