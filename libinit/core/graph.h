// The units as the engine needs them: compact, immutable, shared. Compiled once from the unit files in force.
// A name that is referred to but has no unit becomes a placeholder that is not loaded: what requires it is
// blocked, what wants it is not. A virtual name (provides) stands for the first unit that provides it, unless
// a unit has that very name.
#pragma once
#include <array>
#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "libinit/core/action.h"
#include "libinit/unit/config.h"

namespace init::core {

// Exit codes and signals (1 to 64) as bits.
struct ExitBits {
  std::uint64_t codes[4] = {};
  std::uint64_t signals = 0;
  [[nodiscard]] bool contains(const Exit& exit) const noexcept;
  friend auto operator<=>(const ExitBits&, const ExitBits&) = default;
};

// What the engine needs of [service]; shared by all units that say the same.
struct ProbePolicy {
  unit::ProbeKind kind = unit::ProbeKind::None;
  std::uint32_t failures = 0;
  Duration alive_for{0}, interval{0}, deadline = kInfinity;
  friend auto operator<=>(const ProbePolicy&, const ProbePolicy&) = default;
};
struct Policy {
  unit::ServiceType type = unit::ServiceType::Exec;
  bool oneshot = false;
  bool has_ready_fd = false;
  bool abort_on_timeout = false;
  bool remain_after_exit = false;
  bool stop_when_starved = false;  // oom-policy
  unit::RestartPolicy restart = unit::RestartPolicy::No;
  unit::KillMode kill_mode = unit::KillMode::Group;
  unit::FailureAction limit_action = unit::FailureAction::None;
  std::uint32_t burst = 0;  // 0 = no limit
  Duration limit_interval{0};
  Duration restart_delay{0}, restart_delay_max{0}, restart_reset_after{0};
  Duration start_timeout{0}, stop_timeout{0}, run_timeout = kInfinity, watchdog = kInfinity;
  std::int32_t reload_signal = 0, abort_signal = 0;
  ProbePolicy ready, health;
  std::vector<unit::StopStep> stop_schedule;  // never empty for a service
  // By role, one entry per step: is its failure ignored?
  std::array<std::vector<bool>, kRoles> steps;
  [[nodiscard]] const std::vector<bool>& steps_of(Role role) const {
    return steps[static_cast<std::size_t>(role)];
  }
  // A reload may have left fewer steps than the one that just ended.
  [[nodiscard]] bool ignores_failure(Role role, std::size_t step) const {
    return step < steps_of(role).size() && steps_of(role)[step];
  }
  ExitBits success, prevent, force;
  friend auto operator<=>(const Policy&, const Policy&) = default;
};

// One dependency between two units, seen from either end.
struct Link {
  UnitIndex unit = 0;            // the other end
  std::uint16_t dependency = 0;  // index in Unit::dependencies of the unit that says so, for file:line
  unit::DependencyKind kind = unit::DependencyKind::Wants;
  bool weak = false;  // order only: implied by wants or a link
};

// One condition on the way up or down: `unit` must be in some state first. owner says so in its dependency
// number so-and-so.
struct Gate {
  enum class Need : std::uint8_t {
    Settled,   // not on its way up or down (order alone)
    Usable,    // up, or a oneshot that succeeded
    Hopeful,   // not failed, not down on purpose (a requirement without order)
    Down,      // conflicts; and the order of stopping
    Prepared,  // run anew since this unit entered Preparing
  };
  UnitIndex unit = 0;
  UnitIndex owner = 0;
  std::uint16_t dependency = 0;
  unit::DependencyKind kind = unit::DependencyKind::After;
  Need need = Need::Settled;
};

// An ordering cycle, as a list of its edges: `after` waits for `before`, because `owner` says so.
struct CycleEdge {
  UnitIndex before = 0, after = 0, owner = 0;
  std::uint16_t dependency = 0;
  bool weak = false;
};
struct GraphCycle {
  std::vector<CycleEdge> edges;
  std::vector<UnitIndex> members;  // all units that lie on loops with it
  bool strong = false;             // its services are refused; else the weak edges were dropped
};

class Graph {
 public:
  [[nodiscard]] static std::shared_ptr<const Graph> build(std::span<const unit::Unit> units);
  // A graph that also knows the given units of an older one, by their names and policies alone.
  [[nodiscard]] static std::shared_ptr<const Graph> extend(const Graph& graph, const Graph& old,
                                                           std::span<const UnitIndex> kept);

  // Indices 0..loaded_count()-1 are the units given to build, in their order; placeholders and kept units
  // follow.
  [[nodiscard]] std::size_t size() const noexcept { return nodes_.size(); }
  [[nodiscard]] std::size_t loaded_count() const noexcept { return loaded_; }
  [[nodiscard]] std::optional<UnitIndex> find(std::string_view name) const noexcept;  // also virtual names
  [[nodiscard]] std::optional<UnitIndex> find_tag(std::uint64_t tag) const noexcept;
  [[nodiscard]] std::string_view name(UnitIndex unit) const noexcept;
  [[nodiscard]] std::uint64_t tag(UnitIndex unit) const noexcept { return nodes_[unit].tag; }
  [[nodiscard]] bool is_loaded(UnitIndex unit) const noexcept { return nodes_[unit].loaded; }
  [[nodiscard]] bool is_target(UnitIndex unit) const noexcept { return nodes_[unit].target; }
  [[nodiscard]] bool refuses_start(UnitIndex unit) const noexcept { return nodes_[unit].refuse_start; }
  [[nodiscard]] bool refuses_stop(UnitIndex unit) const noexcept { return nodes_[unit].refuse_stop; }
  [[nodiscard]] bool stops_when_unneeded(UnitIndex unit) const noexcept {
    return nodes_[unit].stop_when_unneeded;
  }
  [[nodiscard]] bool on_strong_cycle(UnitIndex unit) const noexcept { return nodes_[unit].refused; }
  [[nodiscard]] unit::FailureAction failure_action(UnitIndex unit) const noexcept {
    return nodes_[unit].failure_action;
  }
  [[nodiscard]] const Policy& policy(UnitIndex unit) const noexcept { return policies_[nodes_[unit].policy]; }

  [[nodiscard]] std::span<const Link> says(UnitIndex unit) const noexcept;     // its own dependencies
  [[nodiscard]] std::span<const Link> said_of(UnitIndex unit) const noexcept;  // those of others on it
  [[nodiscard]] std::span<const Gate> start_gates(UnitIndex unit) const noexcept;
  [[nodiscard]] std::span<const Gate> stop_gates(UnitIndex unit) const noexcept;
  [[nodiscard]] std::span<const UnitIndex> watchers(UnitIndex unit) const noexcept;  // who may wait for it
  [[nodiscard]] std::span<const GraphCycle> cycles() const noexcept { return cycles_; }
  [[nodiscard]] std::size_t memory() const noexcept;  // bytes, about

 private:
  friend class GraphBuilder;
  struct Node {
    std::uint64_t tag = 0;
    std::uint32_t name_begin = 0;
    std::uint16_t name_size = 0;
    bool loaded : 1 = false;
    bool target : 1 = false;
    bool refuse_start : 1 = false;
    bool refuse_stop : 1 = false;
    bool stop_when_unneeded : 1 = false;
    bool refused : 1 = false;
    unit::FailureAction failure_action = unit::FailureAction::None;
    std::uint32_t policy = 0;
  };
  // Rows of variable length in one array: row u is [begin[u], begin[u + 1]).
  template <class T>
  struct Rows {
    std::vector<std::uint32_t> begin{0};
    std::vector<T> items;
    [[nodiscard]] std::span<const T> row(std::size_t index) const noexcept {
      return index + 1 < begin.size()
                 ? std::span<const T>(items).subspan(begin[index], begin[index + 1] - begin[index])
                 : std::span<const T>();
    }
    void add_row(std::span<const T> row) {
      items.insert(items.end(), row.begin(), row.end());
      begin.push_back(static_cast<std::uint32_t>(items.size()));
    }
  };

  std::vector<Node> nodes_;
  std::size_t loaded_ = 0;
  std::string names_;
  std::vector<Policy> policies_;
  std::vector<UnitIndex> by_tag_;                                   // all nodes, sorted by tag
  std::vector<std::pair<std::uint64_t, UnitIndex>> virtual_names_;  // tag of the name -> provider, sorted
  Rows<Link> says_, said_of_;
  Rows<Gate> start_gates_, stop_gates_;
  Rows<UnitIndex> watchers_;
  std::vector<GraphCycle> cycles_;
};

}  // namespace init::core
