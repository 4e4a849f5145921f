#include <algorithm>
#include <map>

#include "libinit/base/checksum.h"
#include "libinit/core/dependency_table.h"
#include "libinit/core/graph.h"
#include "libinit/core/policy.h"
#include "libinit/unit/ordering.h"

namespace init::core {

using unit::DependencyKind;
using unit::OrderEdge;

class GraphBuilder {
 public:
  explicit GraphBuilder(std::span<const unit::Unit> units) : units_(units) {}

  std::shared_ptr<const Graph> build() {
    add_units();
    add_placeholders();
    index_by_tag(*graph_);
    make_links();
    make_order();
    make_start_gates();
    make_stop_gates();
    make_watchers(*graph_);
    return graph_;
  }

  static std::shared_ptr<const Graph> extend(const Graph& graph, const Graph& old,
                                             std::span<const UnitIndex> kept) {
    auto extended = std::make_shared<Graph>(graph);
    for (const UnitIndex unit : kept) {
      const auto policy = static_cast<std::uint32_t>(extended->policies_.size());
      extended->policies_.push_back(old.policy(unit));
      if (const auto placeholder = graph.find_tag(old.tag(unit))) {
        extended->nodes_[*placeholder].policy = policy;
        continue;
      }
      Graph::Node node = old.nodes_[unit];
      node.loaded = false;
      node.policy = policy;
      node.name_begin = static_cast<std::uint32_t>(extended->names_.size());
      extended->names_ += old.name(unit);
      extended->nodes_.push_back(node);
    }
    index_by_tag(*extended);
    return extended;
  }

 private:
  // By what links and gates come from: their owner's dependency number `index`, on unit `to`.
  struct Source {
    UnitIndex owner, to;
    std::uint16_t index;
    DependencyKind kind;
  };

  void add_node(std::string_view name, Graph::Node node) {
    node.tag = fnv1a64(name);
    node.name_begin = static_cast<std::uint32_t>(graph_->names_.size());
    node.name_size = static_cast<std::uint16_t>(name.size());
    graph_->names_ += name;
    by_name_.emplace(name, static_cast<UnitIndex>(graph_->nodes_.size()));
    graph_->nodes_.push_back(node);
  }

  std::uint32_t intern(const Policy& policy) {
    const auto next = static_cast<std::uint32_t>(graph_->policies_.size());
    const auto [known, is_new] = interned_.emplace(policy, next);
    if (is_new) graph_->policies_.push_back(policy);
    return known->second;
  }

  void add_units() {
    graph_->nodes_.reserve(units_.size());
    for (const unit::Unit& unit : units_) {
      Graph::Node node;
      node.loaded = true;
      node.target = unit.kind != unit::Kind::Service;
      node.refuse_start = unit.refuse_manual_start;
      node.refuse_stop = unit.refuse_manual_stop;
      node.stop_when_unneeded = unit.stop_when_unneeded;
      node.failure_action = unit.on_failure_action;
      node.policy = intern(make_policy(unit));
      add_node(unit.id, node);
    }
    graph_->loaded_ = units_.size();
    for (UnitIndex u = 0; u < units_.size(); ++u) {
      for (const unit::Dependency& dependency : units_[u].dependencies) {
        if (dependency.kind != DependencyKind::Provides) continue;
        if (by_name_.emplace(dependency.target, u).second) {
          graph_->virtual_names_.emplace_back(fnv1a64(dependency.target), u);
        }
      }
    }
    std::sort(graph_->virtual_names_.begin(), graph_->virtual_names_.end());
  }

  void add_placeholders() {
    const std::uint32_t policy = intern(Policy{});
    for (const unit::Unit& unit : units_) {
      for (const unit::Dependency& dependency : unit.dependencies) {
        const bool counts = has(dependency.kind, Atom::PullsStart) || has(dependency.kind, Atom::Needs) ||
                            has(dependency.kind, Atom::RunsAnew);
        if (!counts || by_name_.count(dependency.target) != 0) continue;
        Graph::Node node;
        node.policy = policy;
        add_node(dependency.target, node);
      }
    }
  }

  static void index_by_tag(Graph& graph) {
    graph.by_tag_.resize(graph.nodes_.size());
    for (UnitIndex u = 0; u < graph.nodes_.size(); ++u) graph.by_tag_[u] = u;
    std::stable_sort(graph.by_tag_.begin(), graph.by_tag_.end(),
                     [&](UnitIndex a, UnitIndex b) { return graph.nodes_[a].tag < graph.nodes_[b].tag; });
  }

  // Calls use(Source) for each dependency on a known unit other than itself, in the order of the files.
  template <class Use>
  void each_source(Use use) const {
    for (UnitIndex u = 0; u < units_.size(); ++u) {
      const auto& dependencies = units_[u].dependencies;
      for (std::size_t d = 0; d < dependencies.size(); ++d) {
        const auto found = by_name_.find(dependencies[d].target);
        if (found == by_name_.end() || found->second == u) continue;
        use(Source{u, found->second, static_cast<std::uint16_t>(d), dependencies[d].kind});
      }
    }
  }

  template <class T>
  static void fill(Graph::Rows<T>& rows, const std::vector<std::vector<T>>& lists) {
    std::size_t total = 0;
    for (const auto& list : lists) total += list.size();
    rows.items.reserve(total);
    rows.begin.reserve(lists.size() + 1);
    for (const auto& list : lists) rows.add_row(list);
  }

  void make_links() {
    std::vector<std::vector<Link>> says(graph_->size()), said_of(graph_->size());
    each_source([&](const Source& s) {
      if (atoms(s.kind) == 0) return;
      says[s.owner].push_back({s.to, s.index, s.kind});
      said_of[s.to].push_back({s.owner, s.index, s.kind});
    });
    fill(graph_->says_, says);
    fill(graph_->said_of_, said_of);
  }

  void make_order() {
    edges_ = unit::order_edges(units_);
    const auto count = static_cast<std::uint32_t>(units_.size());
    const std::vector<std::uint32_t> component = unit::order_components(count, edges_);
    for (const unit::Cycle& cycle : unit::find_cycles(count, edges_)) note_cycle(cycle);
    const auto gives_way = [&](const OrderEdge& edge) {
      if (edge.before == edge.after) return true;
      if (component[edge.before] != component[edge.after]) return false;
      if (edge.weak) return true;
      // What is left of a strong cycle: its services are refused, its targets do not wait for each other.
      return on_strong_[edge.before] && on_strong_[edge.after] && graph_->nodes_[edge.after].target;
    };
    edges_.erase(std::remove_if(edges_.begin(), edges_.end(), gives_way), edges_.end());
  }

  void note_cycle(const unit::Cycle& cycle) {
    GraphCycle noted;
    noted.strong = cycle.strong;
    noted.members.assign(cycle.members.begin(), cycle.members.end());
    for (const OrderEdge& edge : cycle.edges) {
      noted.edges.push_back(
          {edge.before, edge.after, edge.unit, static_cast<std::uint16_t>(edge.dependency), edge.weak});
    }
    on_strong_.resize(units_.size());
    for (const UnitIndex member : cycle.members) {
      if (!cycle.strong) continue;
      on_strong_[member] = true;
      graph_->nodes_[member].refused = !graph_->nodes_[member].target;
    }
    graph_->cycles_.push_back(std::move(noted));
  }

  Gate gate(UnitIndex unit, const OrderEdge& edge, Gate::Need need) const {
    return {unit, edge.unit, static_cast<std::uint16_t>(edge.dependency),
            units_[edge.unit].dependencies[edge.dependency].kind, need};
  }

  void make_start_gates() {
    std::vector<std::vector<Gate>> gates(graph_->size());
    std::vector<std::vector<UnitIndex>> before(graph_->size());
    for (const OrderEdge& edge : edges_) before[edge.after].push_back(edge.before);
    for (auto& list : before) std::sort(list.begin(), list.end());
    each_source([&](const Source& s) {
      const auto add = [&](UnitIndex of, UnitIndex on, Gate::Need need) {
        gates[of].push_back({on, s.owner, s.index, s.kind, need});
      };
      const bool ordered = std::binary_search(before[s.owner].begin(), before[s.owner].end(), s.to);
      if (has(s.kind, Atom::Needs)) add(s.owner, s.to, ordered ? Gate::Need::Usable : Gate::Need::Hopeful);
      if (has(s.kind, Atom::RunsAnew)) add(s.owner, s.to, Gate::Need::Prepared);
      if (has(s.kind, Atom::Excludes)) {
        add(s.owner, s.to, Gate::Need::Down);
        add(s.to, s.owner, Gate::Need::Down);
      }
    });
    for (const OrderEdge& edge : edges_) {
      gates[edge.after].push_back(gate(edge.before, edge, Gate::Need::Settled));
    }
    fill(graph_->start_gates_, gates);
  }

  // Stopping is the reverse of starting, unless stop-after or stop-before say otherwise of a pair. Where
  // these close a cycle with the rest, they give way.
  void make_stop_gates() {
    std::vector<OrderEdge> stops;  // `before` stops before `after`
    std::map<std::pair<UnitIndex, UnitIndex>, bool> said;
    each_source([&](const Source& s) {
      if (!has(s.kind, Atom::StopOrder)) return;
      const bool after = s.kind == DependencyKind::StopAfter;
      const OrderEdge edge{after ? s.to : s.owner, after ? s.owner : s.to, true, s.owner, s.index};
      if (edge.before >= units_.size() || edge.after >= units_.size()) return;
      said[{edge.before, edge.after}] = true;
      stops.push_back(edge);
    });
    for (const OrderEdge& edge : edges_) {
      if (said.count({edge.before, edge.after}) != 0) continue;
      stops.push_back({edge.after, edge.before, false, edge.unit, edge.dependency});
    }
    const std::vector<std::uint32_t> component =
        unit::order_components(static_cast<std::uint32_t>(units_.size()), stops);
    std::vector<std::vector<Gate>> gates(graph_->size());
    for (const OrderEdge& edge : stops) {
      if (component[edge.before] == component[edge.after]) {
        if (edge.weak || on_strong(edge.before, edge.after)) continue;
      }
      gates[edge.after].push_back(gate(edge.before, edge, Gate::Need::Down));
    }
    fill(graph_->stop_gates_, gates);
  }

  bool on_strong(UnitIndex a, UnitIndex b) const {
    return !on_strong_.empty() && on_strong_[a] && on_strong_[b];
  }

  // Whatever a unit may wait for: those that its gates name, and those that these are not started against.
  static void make_watchers(Graph& graph) {
    std::vector<std::vector<UnitIndex>> watchers(graph.size());
    for (UnitIndex u = 0; u < graph.size(); ++u) {
      for (const Gate& gate : graph.start_gates(u)) {
        watchers[gate.unit].push_back(u);
        if (!has(gate.kind, Atom::PullsStart) && !has(gate.kind, Atom::RunsAnew)) continue;
        for (const auto links : {graph.says(gate.unit), graph.said_of(gate.unit)}) {
          for (const Link& link : links) {
            if (has(link.kind, Atom::Excludes)) watchers[link.unit].push_back(u);
          }
        }
      }
      for (const Gate& gate : graph.stop_gates(u)) watchers[gate.unit].push_back(u);
    }
    for (auto& list : watchers) list.erase(std::unique(list.begin(), list.end()), list.end());
    fill(graph.watchers_, watchers);
  }

  std::span<const unit::Unit> units_;
  std::shared_ptr<Graph> graph_ = std::make_shared<Graph>();
  std::map<std::string_view, UnitIndex> by_name_;  // keys live in units_
  std::map<Policy, std::uint32_t> interned_;
  std::vector<OrderEdge> edges_;
  std::vector<bool> on_strong_;
};

std::shared_ptr<const Graph> Graph::build(std::span<const unit::Unit> units) {
  return GraphBuilder(units).build();
}

std::shared_ptr<const Graph> Graph::extend(const Graph& graph, const Graph& old,
                                           std::span<const UnitIndex> kept) {
  return GraphBuilder::extend(graph, old, kept);
}

}  // namespace init::core
