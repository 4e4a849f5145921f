// Deadlines in order: at most one timer of a kind per unit.
#pragma once
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "libinit/base/time.h"
#include "libinit/core/action.h"

namespace init::manager {

class Timers {
 public:
  void arm(const core::ArmTimer& timer);  // a deadline of never() disarms
  void cancel(core::UnitIndex unit, core::TimerKind kind);
  void clear();
  // never() when none is armed.
  [[nodiscard]] MonotonicTime next() const;
  // Those whose deadline is not after now, earliest first; they are disarmed.
  std::vector<core::TimerFired> take_due(MonotonicTime now);

 private:
  using Key = std::pair<core::UnitIndex, core::TimerKind>;
  struct Armed {
    MonotonicTime deadline;
    std::uint32_t serial;
  };
  std::map<Key, Armed> armed_;
  std::set<std::pair<MonotonicTime, Key>> order_;
};

}  // namespace init::manager
