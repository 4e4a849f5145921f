#include "libinit/unit/ordering.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace init::unit {
namespace {

constexpr std::uint32_t kNone = ~std::uint32_t{0};

constexpr std::uint64_t pair_key(std::uint32_t before, std::uint32_t after) {
  return (std::uint64_t{before} << 32U) | after;
}

bool implies_order(DependencyKind kind) {
  return kind == DependencyKind::Requires || kind == DependencyKind::Wants ||
         kind == DependencyKind::BindsTo || kind == DependencyKind::Requisite;
}

class EdgeBuilder {
 public:
  explicit EdgeBuilder(std::span<const Unit> units) : units_(units) {
    for (std::uint32_t u = 0; u < units.size(); ++u) names_[units[u].id] = {u};
    for (std::uint32_t u = 0; u < units.size(); ++u) {
      for (const Dependency& dependency : units[u].dependencies) {
        if (dependency.kind == DependencyKind::Provides) names_[dependency.target].push_back(u);
      }
    }
  }

  std::vector<OrderEdge> build() {
    each(&EdgeBuilder::written);
    each(&EdgeBuilder::implied);
    return std::move(edges_);
  }

 private:
  // from's dependency number `index` names `to`.
  struct Link {
    std::uint32_t from, to, index;
    const Dependency& dependency;
  };

  void each(void (EdgeBuilder::*visit)(const Link&)) {
    for (std::uint32_t u = 0; u < units_.size(); ++u) {
      const auto& dependencies = units_[u].dependencies;
      for (std::uint32_t d = 0; d < dependencies.size(); ++d) {
        const auto found = names_.find(dependencies[d].target);
        if (found == names_.end()) continue;
        for (const std::uint32_t to : found->second) (this->*visit)({u, to, d, dependencies[d]});
      }
    }
  }

  void written(const Link& link) {
    if (link.dependency.kind == DependencyKind::Unordered) {
      unordered_.insert(pair_key(link.from, link.to));
      unordered_.insert(pair_key(link.to, link.from));
    }
    // What runs before each start of a unit orders by its very meaning; whoever says otherwise makes a cycle.
    if (link.dependency.kind == DependencyKind::After || link.dependency.kind == DependencyKind::PreparedBy)
      add({link.to, link.from, false, link.from, link.index});
    if (link.dependency.kind == DependencyKind::Before)
      add({link.from, link.to, false, link.from, link.index});
  }

  void implied(const Link& link) {
    if (!implies_order(link.dependency.kind) || unordered_.contains(pair_key(link.to, link.from))) return;
    if (const auto opposite = known_.find(pair_key(link.from, link.to)); opposite != known_.end()) {
      const OrderEdge& edge = edges_[opposite->second];
      if (!implies_order(units_[edge.unit].dependencies[edge.dependency].kind)) return;
    }
    const bool weak = link.dependency.kind == DependencyKind::Wants || link.dependency.from_link;
    add({link.to, link.from, weak, link.from, link.index});
  }

  void add(const OrderEdge& edge) {
    const auto [place, is_new] =
        known_.emplace(pair_key(edge.before, edge.after), static_cast<std::uint32_t>(edges_.size()));
    if (is_new) {
      edges_.push_back(edge);
    } else if (edges_[place->second].weak && !edge.weak) {
      edges_[place->second] = edge;
    }
  }

  std::span<const Unit> units_;
  std::unordered_map<std::string_view, std::vector<std::uint32_t>> names_;
  std::unordered_set<std::uint64_t> unordered_;
  std::unordered_map<std::uint64_t, std::uint32_t> known_;
  std::vector<OrderEdge> edges_;
};

// The edges that leave each unit, as indices into the edge list, in two flat arrays.
class Adjacency {
 public:
  Adjacency(std::uint32_t unit_count, std::span<const OrderEdge> edges)
      : edges_(edges), first_(unit_count + 1U), out_(edges.size()) {
    for (const OrderEdge& edge : edges) ++first_[edge.before + 1U];
    for (std::uint32_t u = 0; u < unit_count; ++u) first_[u + 1U] += first_[u];
    std::vector<std::uint32_t> next(first_.begin(), first_.end() - 1);
    for (std::uint32_t e = 0; e < edges.size(); ++e) out_[next[edges[e].before]++] = e;
  }

  [[nodiscard]] std::uint32_t begin(std::uint32_t unit) const { return first_[unit]; }
  [[nodiscard]] std::uint32_t end(std::uint32_t unit) const { return first_[unit + 1U]; }
  [[nodiscard]] const OrderEdge& edge(std::uint32_t position) const { return edges_[out_[position]]; }

 private:
  std::span<const OrderEdge> edges_;
  std::vector<std::uint32_t> first_, out_;
};

// Tarjan's algorithm with its call stack as data, so that a chain of any length is safe.
class ComponentFinder {
 public:
  ComponentFinder(std::uint32_t unit_count, const Adjacency& adjacency)
      : adjacency_(adjacency), number_(unit_count, kNone), low_(unit_count), component_(unit_count, kNone) {}

  std::vector<std::uint32_t> run() {
    for (std::uint32_t root = 0; root < number_.size(); ++root) {
      if (number_[root] != kNone) continue;
      enter(root);
      while (!calls_.empty()) step();
    }
    return std::move(component_);
  }

 private:
  struct Call {
    std::uint32_t unit, next;
  };

  void enter(std::uint32_t unit) {
    number_[unit] = low_[unit] = counter_++;
    open_.push_back(unit);
    calls_.push_back({unit, adjacency_.begin(unit)});
  }

  void step() {
    Call& call = calls_.back();
    if (call.next == adjacency_.end(call.unit)) return leave();
    const std::uint32_t unit = call.unit;
    const std::uint32_t to = adjacency_.edge(call.next++).after;
    if (number_[to] == kNone) {
      enter(to);
    } else if (component_[to] == kNone) {
      low_[unit] = std::min(low_[unit], number_[to]);
    }
  }

  void leave() {
    const std::uint32_t unit = calls_.back().unit;
    calls_.pop_back();
    if (!calls_.empty()) low_[calls_.back().unit] = std::min(low_[calls_.back().unit], low_[unit]);
    if (low_[unit] != number_[unit]) return;
    while (component_[unit] == kNone) {
      component_[open_.back()] = components_;
      open_.pop_back();
    }
    ++components_;
  }

  const Adjacency& adjacency_;
  std::vector<std::uint32_t> number_, low_, component_, open_;
  std::vector<Call> calls_;
  std::uint32_t counter_ = 0, components_ = 0;
};

// Shortest paths inside one component, by breadth-first search. Reused: what a search touched is cleared
// after it.
class LoopFinder {
 public:
  LoopFinder(std::uint32_t unit_count, const Adjacency& adjacency, std::span<const std::uint32_t> component)
      : adjacency_(adjacency), component_(component), arrived_by_(unit_count, kNone) {}

  // The loop that `closing` completes: a shortest path from its end to its beginning, then itself.
  std::vector<OrderEdge> loop_through(const OrderEdge& closing) {
    std::vector<OrderEdge> loop;
    if (closing.before != closing.after) search(closing.after, closing.before);
    for (std::uint32_t at = closing.before; at != closing.after; at = loop.back().before) {
      loop.push_back(adjacency_.edge(arrived_by_[at]));
    }
    std::reverse(loop.begin(), loop.end());
    loop.push_back(closing);
    for (const std::uint32_t unit : queue_) arrived_by_[unit] = kNone;
    queue_.clear();
    return loop;
  }

 private:
  void search(std::uint32_t from, std::uint32_t to) {
    queue_.push_back(from);
    for (std::size_t i = 0; i < queue_.size() && arrived_by_[to] == kNone; ++i) {
      const std::uint32_t unit = queue_[i];
      for (std::uint32_t p = adjacency_.begin(unit); p < adjacency_.end(unit); ++p) {
        const std::uint32_t next = adjacency_.edge(p).after;
        if (next == from || component_[next] != component_[from] || arrived_by_[next] != kNone) continue;
        arrived_by_[next] = p;
        queue_.push_back(next);
      }
    }
  }

  const Adjacency& adjacency_;
  std::span<const std::uint32_t> component_;
  std::vector<std::uint32_t> arrived_by_, queue_;
};

// One cycle for each component in which a strong (or weak) edge lies.
void add_cycles(std::uint32_t unit_count, std::span<const OrderEdge> edges, bool strong,
                std::vector<Cycle>& out) {
  const Adjacency adjacency(unit_count, edges);
  const std::vector<std::uint32_t> component = ComponentFinder(unit_count, adjacency).run();
  LoopFinder finder(unit_count, adjacency, component);
  std::vector<std::uint32_t> cycle_of(unit_count, kNone);
  for (const OrderEdge& edge : edges) {
    const std::uint32_t home = component[edge.before];
    if (edge.weak == strong || home != component[edge.after] || cycle_of[home] != kNone) continue;
    cycle_of[home] = static_cast<std::uint32_t>(out.size());
    out.push_back({finder.loop_through(edge), strong, {}});
  }
  for (std::uint32_t unit = 0; unit < unit_count; ++unit) {
    if (const std::uint32_t cycle = cycle_of[component[unit]]; cycle != kNone)
      out[cycle].members.push_back(unit);
  }
}

}  // namespace

std::vector<OrderEdge> order_edges(std::span<const Unit> units) {
  return EdgeBuilder(units).build();
}

std::vector<std::uint32_t> order_components(std::uint32_t unit_count, std::span<const OrderEdge> edges) {
  const Adjacency adjacency(unit_count, edges);
  return ComponentFinder(unit_count, adjacency).run();
}

std::vector<Cycle> find_cycles(std::uint32_t unit_count, std::span<const OrderEdge> edges) {
  std::vector<OrderEdge> strong;
  std::copy_if(edges.begin(), edges.end(), std::back_inserter(strong),
               [](const OrderEdge& e) { return !e.weak; });
  std::vector<Cycle> cycles;
  add_cycles(unit_count, strong, true, cycles);
  if (strong.size() != edges.size()) add_cycles(unit_count, edges, false, cycles);
  return cycles;
}

}  // namespace init::unit
