// The engine: pure. Same events at the same times, same actions, to the byte.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "libinit/core/action.h"
#include "libinit/core/event.h"
#include "libinit/core/record.h"

namespace init::core {

class Engine {
 public:
  explicit Engine(std::shared_ptr<const Graph> graph);

  void handle(const Event& event, MonotonicTime now, ActionSink& sink);

  // Units whose record changed since the last clear_changed(), each once.
  [[nodiscard]] std::span<const UnitIndex> changed() const;
  void clear_changed();
  [[nodiscard]] UnitRecord record(UnitIndex unit) const;
};

}  // namespace init::core
