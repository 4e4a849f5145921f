// Random units, and what a naive reader of their files would say about them.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "libinit/core/graph.h"
#include "libinit/unit/config.h"
#include "tests/sim/rng.h"

namespace init::sim {

struct Shape {
  bool cycles = false;
  bool simple = false;   // exec and oneshot services, without hooks and questions
  bool rare = false;     // what most worlds have not: ends of ranges, calls at the restart limit
  bool reloads = false;  // nearly all can be reloaded, and many are so with others
};
[[nodiscard]] std::vector<unit::Unit> random_units(Rng& rng, const Shape& shape);
// What they come to; every other dependency names its unit by what that provides.
[[nodiscard]] std::shared_ptr<const core::Graph> graph_of(std::vector<unit::Unit> units);
// One service that is always kept up, whatever its type, and in half of the worlds one that requires it.
std::vector<unit::Unit> race_units(Rng& rng);

// Does a need of `from` on `to` also order them, by the letter of the file language?
[[nodiscard]] bool needs_in_order(const unit::Unit& from, const unit::Unit& to);
[[nodiscard]] bool links(const unit::Unit& from, const std::string& to);
[[nodiscard]] bool needs(const unit::Unit& from, const std::string& to);

}  // namespace init::sim
