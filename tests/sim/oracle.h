// What ought to be, recomputed from the unit files each time. Slow, short, and written without looking at the
// engine.
#pragma once
#include <set>
#include <string>
#include <vector>

#include "libinit/unit/config.h"

namespace init::sim {

class Oracle {
 public:
  explicit Oracle(const std::vector<unit::Unit>& units) : units_(units) {}

  [[nodiscard]] const unit::Unit* find(const std::string& name) const;
  // All that a start of the unit may start, sooner or later, itself included. later: also what ends, failures
  // and preparations start.
  [[nodiscard]] std::set<std::string> reach(const std::string& name, bool later) const;
  // Must any two of these, with all that they drag along, not be up together, or not with what may be started
  // at any moment; or is one a part of what may be let go?
  [[nodiscard]] bool may_be_stopped(std::set<std::string> names) const;
  // Does something other than a request start it?
  [[nodiscard]] bool is_started_by_others(const std::string& name) const;
  // With every process well-behaved: can it be up, when it is asked for now? up: what is up, or done,
  // already.
  [[nodiscard]] bool can_run(const std::string& name, std::set<std::string> up,
                             const std::set<std::string>& refused) const;

 private:
  [[nodiscard]] bool may_be_released(const std::set<std::string>& names) const;
  [[nodiscard]] bool is_up_for_good(const std::string& name, const std::set<std::string>& up) const;

  const std::vector<unit::Unit>& units_;
};

}  // namespace init::sim
