#include "daemon/manager/os/timers.h"

namespace init::manager {

void Timers::arm(const core::ArmTimer& timer) {
  cancel(timer.unit, timer.kind);
  if (timer.deadline == MonotonicTime::never()) return;
  const Key key{timer.unit, timer.kind};
  armed_[key] = {timer.deadline, timer.serial};
  order_.insert({timer.deadline, key});
}

void Timers::cancel(core::UnitIndex unit, core::TimerKind kind) {
  const auto at = armed_.find({unit, kind});
  if (at == armed_.end()) return;
  order_.erase({at->second.deadline, at->first});
  armed_.erase(at);
}

void Timers::clear() {
  armed_.clear();
  order_.clear();
}

MonotonicTime Timers::next() const {
  return order_.empty() ? MonotonicTime::never() : order_.begin()->first;
}

std::vector<core::TimerFired> Timers::take_due(MonotonicTime now) {
  std::vector<core::TimerFired> due;
  while (next() <= now && !order_.empty()) {
    const auto [unit, kind] = order_.begin()->second;
    due.push_back({unit, kind, armed_.at({unit, kind}).serial});
    cancel(unit, kind);
  }
  return due;
}

}  // namespace init::manager
