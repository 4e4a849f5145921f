// The order of units, made from their dependencies by one rule: a requirement orders too. requires, wants,
// binds-to and requisite also mean `after`, unless either unit of the pair says `before`, `after`,
// `prepared-by` or `unordered` about the other; what is written wins over what is implied. prepared-by is
// itself an order that is written. No system header: the core sees this.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "libinit/unit/config.h"

namespace init::unit {

// `before` starts before `after` (and stops after it): both index the span given to order_edges(). unit and
// dependency say who wrote it: units[unit].dependencies[dependency]. weak: implied by `wants`, or by a link
// of [install]; such an edge gives way where it would close a cycle.
struct OrderEdge {
  std::uint32_t before = 0, after = 0;
  bool weak = false;
  std::uint32_t unit = 0, dependency = 0;
};

// At most one edge for each (before, after): written over implied, strong over weak. A dependency on a
// virtual name orders after every unit that provides it; one on a unit that is not in the span makes no edge.
// O(dependencies).
[[nodiscard]] std::vector<OrderEdge> order_edges(std::span<const Unit> units);

// The strongly connected component of each unit. A weak edge whose ends share a component is the one to drop.
[[nodiscard]] std::vector<std::uint32_t> order_components(std::uint32_t unit_count,
                                                          std::span<const OrderEdge> edges);

// edges is one closed loop: each edge begins where the one before it ends, the last ends where the first
// begins. members are all units that lie on loops together with it. A strong cycle stays when all weak edges
// are dropped.
struct Cycle {
  std::vector<OrderEdge> edges;
  bool strong = false;
  std::vector<std::uint32_t> members;
};

// One short loop of strong edges for each component of them; and one through a weak edge for each component
// of the whole graph in which weak edges lie. Iterative, O(V + E).
[[nodiscard]] std::vector<Cycle> find_cycles(std::uint32_t unit_count, std::span<const OrderEdge> edges);

}  // namespace init::unit
