#include "libinit/unit/slices.h"

#include <gtest/gtest.h>

#include "tests/unit/unit/unit_text.h"

namespace init::unit {
namespace {

using Names = std::vector<std::string>;

TEST(Slices, AreNamedByTheWayToThem) {
  EXPECT_EQ(slice_id("batch"), "batch.slice");
  EXPECT_EQ(slice_id("batch-nightly.slice"), "batch-nightly.slice");
  for (const char* bad :
       {"", "-", "-.slice", "a-", "a--b", "-a", "a/b", "a.service", "a@", "a.slice.slice", "..", "a b"})
    EXPECT_EQ(slice_id(bad), std::nullopt) << bad;
  EXPECT_EQ(slices_down_to("a-b-c.slice"), (Names{"a.slice", "a-b.slice", "a-b-c.slice"}));
  EXPECT_EQ(slice_path("a-b.slice"), "a.slice/a-b.slice");
  EXPECT_EQ(slice_path(""), "");
}

TEST(Slices, AreReadWithTheirLimits) {
  const Parsed parsed = parse("[unit]\ndescription = \"x\"\n[resources]\ntasks-max = 3\n", "a-b.slice");
  ASSERT_TRUE(parsed.unit) << parsed.text();
  EXPECT_EQ(parsed.unit->kind, Kind::Slice);
  EXPECT_EQ(parsed.unit->service.context.resources.tasks_max, 3U);
  EXPECT_TRUE(parsed.unit->stop_when_unneeded);
}

TEST(Slices, OfAWrongNameOrWithMoreThanLimitsAreRefusedAtTheirPlace) {
  const auto said = [](const std::string& text, const std::string& id) { return parse(text, id).text(); };
  const std::string service = "[service]\ncommand = [\"/bin/true\"]\n";
  EXPECT_NE(said(service + "[resources]\nslice = \"a--b\"\n", "a.service").find("a.service.toml:4"),
            std::string::npos);
  EXPECT_NE(said(service + "[resources]\nslice = \"b.target\"\n", "a.service").find("is no name of a slice"),
            std::string::npos);
  EXPECT_NE(said(service, "a.slice").find("a slice has no [service]"), std::string::npos);
  EXPECT_NE(said("[resources]\nslice = \"b\"\n", "a.slice").find("slice is only for services"),
            std::string::npos);
  EXPECT_NE(said("[unit]\n", "a--b.slice").find("is no name of a slice"), std::string::npos);
}

TEST(Slices, AreRequiredByWhatIsInThemAndMadeWhereTheyHaveNoFile) {
  std::vector<Unit> units;
  units.push_back(*parse("[service]\ncommand = [\"/bin/true\"]\n[resources]\nslice = \"a-b\"\n").unit);
  for (int reload = 0; reload < 2; ++reload) add_slices(units, {});  // nothing is said twice
  ASSERT_EQ(units.size(), 3U);
  EXPECT_EQ(units[1].id, "a-b.slice");
  EXPECT_EQ(units[2].id, "a.slice");
  for (const std::size_t at : {0U, 1U}) {
    ASSERT_EQ(units[at].dependencies.size(), 2U);
    EXPECT_EQ(units[at].dependencies[0].kind, DependencyKind::Requires);
    EXPECT_EQ(units[at].dependencies[1].kind, DependencyKind::After);
    EXPECT_EQ(units[at].dependencies[1].target, units[at + 1].id);
  }
}

// Nothing runs without the limits that it was meant to have.
TEST(Slices, OfABrokenFileAreNotMade) {
  std::vector<Unit> units;
  units.push_back(*parse("[service]\ncommand = [\"/bin/true\"]\n[resources]\nslice = \"a\"\n").unit);
  const Names broken{"a.slice"};
  add_slices(units, broken);
  EXPECT_EQ(units.size(), 1U);
  EXPECT_EQ(units[0].dependencies.size(), 2U);
}

}  // namespace
}  // namespace init::unit
