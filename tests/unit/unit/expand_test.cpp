#include "libinit/unit/expand.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <map>

namespace init::unit {
namespace {

using Words = std::vector<std::string>;

Words expanded(const Words& argv) {
  const std::map<std::string, std::string, std::less<>> variables = {
      {"A", "one"}, {"LIST", "  a b\tc "}, {"EMPTY", ""}, {"BLANK", "  "}, {"D", "$A ${A}"}};
  Step step;
  step.argv = argv;
  return *expand_argv(step, [&](std::string_view name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  });
}

TEST(Expansion, AVariableAloneIsSplitAtBlanks) {
  EXPECT_EQ(expanded({"x", "$LIST", "$A"}), (Words{"x", "a", "b", "c", "one"}));
  EXPECT_EQ(expanded({"x", "$EMPTY", "$BLANK", "$UNSET"}), (Words{"x"}));
}

TEST(Expansion, BracesAreNeverSplit) {
  EXPECT_EQ(expanded({"${LIST}", "-${A}-${A}", "${EMPTY}", "${UNSET}"}),
            (Words{"  a b\tc ", "-one-one", "", ""}));
}

TEST(Expansion, TwoDollarsAreOne) {
  EXPECT_EQ(expanded({"$$A", "$$", "$$${A}", "a$$"}), (Words{"$A", "$", "$one", "a$"}));
}

TEST(Expansion, WhatIsPutInIsNotExpandedAgain) {
  EXPECT_EQ(expanded({"${D}", "$D"}), (Words{"$A ${A}", "$A", "${A}"}));
}

TEST(Expansion, OtherFormsStayForTheProgramToSee) {
  const Words shell = {"a$A", "$", "${", "${}", "${A", "${A:-x}", "$1", "$(x)", "x$A.y"};
  EXPECT_EQ(expanded(shell), shell);
}

TEST(Expansion, IsBounded) {
  Step step;
  step.argv.assign(100, "${X}");
  const auto result = expand_argv(step, [](std::string_view) { return std::string(100'000, 'x'); });
  EXPECT_EQ(result.error().code, E2BIG);
}

}  // namespace
}  // namespace init::unit
