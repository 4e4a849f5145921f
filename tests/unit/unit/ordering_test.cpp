#include "libinit/unit/ordering.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <set>

namespace init::unit {
namespace {

using Kind = DependencyKind;

Unit unit_with(std::string id, std::vector<Dependency> dependencies) {
  Unit unit;
  unit.id = std::move(id);
  unit.dependencies = std::move(dependencies);
  return unit;
}

Dependency on(Kind kind, std::string target, bool from_link = false) {
  return {kind, std::move(target), {}, from_link};
}

// "0<1" for unit 0 before unit 1, "0~1" for a weak edge; sorted.
std::set<std::string> shown(const std::vector<OrderEdge>& edges) {
  std::set<std::string> out;
  for (const OrderEdge& edge : edges) {
    out.insert(std::to_string(edge.before) + (edge.weak ? "~" : "<") + std::to_string(edge.after));
  }
  EXPECT_EQ(out.size(), edges.size());
  return out;
}

std::set<std::string> order_of(std::vector<Unit> units) {
  return shown(order_edges(units));
}

using Edges = std::set<std::string>;

TEST(OrderEdges, RequirementsOrderToo) {
  for (const Kind kind : {Kind::Requires, Kind::BindsTo, Kind::Requisite, Kind::PreparedBy}) {
    EXPECT_EQ(order_of({unit_with("a", {on(kind, "b")}), unit_with("b", {})}), (Edges{"1<0"}));
  }
  EXPECT_EQ(order_of({unit_with("a", {on(Kind::Wants, "b")}), unit_with("b", {})}), (Edges{"1~0"}));
}

TEST(OrderEdges, KindsWithoutOrderMakeNoEdge) {
  for (const Kind kind : {Kind::PartOf, Kind::Upholds, Kind::Conflicts, Kind::OnFailure, Kind::StopAfter}) {
    EXPECT_EQ(order_of({unit_with("a", {on(kind, "b")}), unit_with("b", {})}), Edges{});
  }
}

TEST(OrderEdges, BeforeOrUnorderedOnEitherSideTakesTheImpliedOrderAway) {
  EXPECT_EQ(order_of({unit_with("a", {on(Kind::Requires, "b"), on(Kind::Before, "b")}), unit_with("b", {})}),
            (Edges{"0<1"}));
  EXPECT_EQ(order_of({unit_with("a", {on(Kind::Requires, "b")}), unit_with("b", {on(Kind::After, "a")})}),
            (Edges{"0<1"}));
  EXPECT_EQ(
      order_of({unit_with("a", {on(Kind::Requires, "b"), on(Kind::Unordered, "b")}), unit_with("b", {})}),
      Edges{});
  EXPECT_EQ(order_of({unit_with("a", {on(Kind::Requires, "b")}), unit_with("b", {on(Kind::Unordered, "a")})}),
            Edges{});
}

TEST(OrderEdges, MutualRequirementsAreBothKeptForTheCycleToBeSeen) {
  EXPECT_EQ(order_of({unit_with("a", {on(Kind::Requires, "b")}), unit_with("b", {on(Kind::Requires, "a")})}),
            (Edges{"1<0", "0<1"}));
}

TEST(OrderEdges, TheStrongestOfSeveralReasonsRemainsAndKnowsWhoWroteIt) {
  const std::vector<Unit> units = {unit_with("a", {on(Kind::Wants, "b"), on(Kind::Requires, "b")}),
                                   unit_with("b", {on(Kind::Conflicts, "c"), on(Kind::Before, "a")})};
  const auto edges = order_edges(units);
  ASSERT_EQ(edges.size(), 1U);
  EXPECT_EQ(edges[0].unit, 1U);
  EXPECT_EQ(edges[0].dependency, 1U);
  EXPECT_FALSE(edges[0].weak);
}

TEST(OrderEdges, LinksOfInstallAreWeakAlsoForRequires) {
  EXPECT_EQ(order_of({unit_with("t", {on(Kind::Requires, "b", true)}), unit_with("b", {})}), (Edges{"1~0"}));
}

TEST(OrderEdges, AVirtualNameStandsForEveryProvider) {
  EXPECT_EQ(order_of({unit_with("a", {on(Kind::After, "mail.target")}),
                      unit_with("x", {on(Kind::Provides, "mail.target")}),
                      unit_with("y", {on(Kind::Provides, "mail.target")})}),
            (Edges{"1<0", "2<0"}));
}

TEST(OrderEdges, UnknownNamesMakeNoEdge) {
  EXPECT_EQ(order_of({unit_with("a", {on(Kind::Requires, "ghost")})}), Edges{});
}

OrderEdge edge(std::uint32_t before, std::uint32_t after, bool weak = false) {
  return {before, after, weak, after, 0};
}

void expect_real_loop(const Cycle& cycle) {
  ASSERT_FALSE(cycle.edges.empty());
  std::set<std::uint32_t> visited;
  bool weak = false;
  for (std::size_t i = 0; i < cycle.edges.size(); ++i) {
    EXPECT_EQ(cycle.edges[i].after, cycle.edges[(i + 1) % cycle.edges.size()].before);
    EXPECT_TRUE(visited.insert(cycle.edges[i].before).second) << "passes a unit twice";
    EXPECT_TRUE(std::binary_search(cycle.members.begin(), cycle.members.end(), cycle.edges[i].before));
    weak = weak || cycle.edges[i].weak;
  }
  EXPECT_EQ(cycle.strong, !weak);
}

TEST(FindCycles, AnAcyclicGraphHasNone) {
  EXPECT_TRUE(find_cycles(4, std::vector{edge(0, 1), edge(0, 2), edge(1, 3), edge(2, 3)}).empty());
  EXPECT_TRUE(find_cycles(0, {}).empty());
}

TEST(FindCycles, AUnitAfterItselfIsACycle) {
  const auto cycles = find_cycles(2, std::vector{edge(1, 1)});
  ASSERT_EQ(cycles.size(), 1U);
  EXPECT_EQ(cycles[0].edges.size(), 1U);
  EXPECT_EQ(cycles[0].members, (std::vector<std::uint32_t>{1}));
}

TEST(FindCycles, AWeakEdgeMakesTheCycleWeak) {
  const auto cycles = find_cycles(3, std::vector{edge(0, 1), edge(1, 2), edge(2, 0, true)});
  ASSERT_EQ(cycles.size(), 1U);
  EXPECT_FALSE(cycles[0].strong);
  EXPECT_EQ(cycles[0].edges.size(), 3U);
}

TEST(FindCycles, AStrongLoopInsideAWeakComponentIsNotHidden) {
  const auto cycles =
      find_cycles(4, std::vector{edge(0, 1, true), edge(1, 2), edge(2, 1), edge(2, 0), edge(3, 0)});
  ASSERT_EQ(cycles.size(), 2U);
  EXPECT_TRUE(cycles[0].strong);
  EXPECT_EQ(cycles[0].members, (std::vector<std::uint32_t>{1, 2}));
  EXPECT_FALSE(cycles[1].strong);
  EXPECT_EQ(cycles[1].members, (std::vector<std::uint32_t>{0, 1, 2}));
}

// The oracle: remove units without incoming edges again and again; what is left over feeds from cycles.
bool has_cycle(std::uint32_t count, const std::vector<OrderEdge>& edges) {
  std::vector<std::uint32_t> incoming(count), ready;
  std::vector<std::vector<std::uint32_t>> out(count);
  for (const OrderEdge& e : edges) ++incoming[e.after], out[e.before].push_back(e.after);
  for (std::uint32_t u = 0; u < count; ++u) {
    if (incoming[u] == 0) ready.push_back(u);
  }
  for (std::size_t i = 0; i < ready.size(); ++i) {
    for (const std::uint32_t to : out[ready[i]]) {
      if (--incoming[to] == 0) ready.push_back(to);
    }
  }
  return ready.size() != count;
}

void check_random_graph(std::mt19937& random, std::uint32_t count, double degree) {
  std::vector<OrderEdge> edges;
  for (std::uint32_t i = 0; i < count * degree; ++i) {
    edges.push_back(edge(random() % count, random() % count, random() % 3 == 0));
  }
  const auto cycles = find_cycles(count, edges);
  for (const Cycle& cycle : cycles) expect_real_loop(cycle);
  EXPECT_EQ(!cycles.empty(), has_cycle(count, edges));
  // Dropping the weak edges inside components leaves cycles exactly where strong ones were reported.
  const auto component = order_components(count, edges);
  std::vector<OrderEdge> kept;
  for (const OrderEdge& e : edges) {
    if (!e.weak || component[e.before] != component[e.after]) kept.push_back(e);
  }
  const bool any_strong = std::any_of(cycles.begin(), cycles.end(), [](const Cycle& c) { return c.strong; });
  EXPECT_EQ(any_strong, has_cycle(count, kept));
}

TEST(FindCycles, RandomGraphsGiveRealLoopsExactlyWhereThereAreCycles) {
  std::mt19937 random(31);
  for (int i = 0; i < 2000; ++i) check_random_graph(random, 1 + random() % 12, (random() % 30) / 10.0);
  for (const double degree : {0.5, 1.0, 2.0, 5.0}) check_random_graph(random, 10'000, degree);
}

TEST(FindCycles, AChainOfTenThousandClosedIntoALoopIsFoundWholeAndFast) {
  constexpr std::uint32_t kCount = 10'000;
  std::vector<OrderEdge> edges;
  for (std::uint32_t i = 0; i + 1 < kCount; ++i) edges.push_back(edge(i, i + 1));
  EXPECT_TRUE(find_cycles(kCount, edges).empty());
  edges.push_back(edge(kCount - 1, 0));
  const auto start = std::chrono::steady_clock::now();
  const auto cycles = find_cycles(kCount, edges);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(500));
  ASSERT_EQ(cycles.size(), 1U);
  EXPECT_EQ(cycles[0].edges.size(), kCount);
  expect_real_loop(cycles[0]);
}

TEST(FindCycles, DiamondsDoNotMultiplyTheWork) {
  constexpr std::uint32_t kLayers = 3'000;  // 2^3000 paths
  std::vector<OrderEdge> edges;
  for (std::uint32_t layer = 0; layer < kLayers; ++layer) {
    const std::uint32_t top = layer * 3;
    for (const std::uint32_t side : {top + 1, top + 2})
      edges.push_back(edge(top, side)), edges.push_back(edge(side, top + 3));
  }
  EXPECT_TRUE(find_cycles(kLayers * 3 + 1, edges).empty());
}

}  // namespace
}  // namespace init::unit
