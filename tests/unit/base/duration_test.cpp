#include "libinit/base/duration.h"

#include <gtest/gtest.h>

namespace init {
namespace {

using namespace std::chrono_literals;

TEST(Durations, AreNumbersWithUnits) {
  EXPECT_EQ(parse_duration("5s"), 5s);
  EXPECT_EQ(parse_duration("1min 30s"), 90s);
  EXPECT_EQ(parse_duration("1min30s"), 90s);
  EXPECT_EQ(parse_duration("100 ms"), 100ms);
  EXPECT_EQ(parse_duration("0.5s"), 500ms);
  EXPECT_EQ(parse_duration("2 weeks"), 336h);
  EXPECT_EQ(parse_duration("0s"), 0s);
  EXPECT_EQ(parse_duration("infinity"), kInfinity);
}

TEST(Durations, AreNeverGuessed) {
  for (const char* bad :
       {"", " ", "5", "s", "-5s", "+5s", "5 parsecs", "5S", "1.s", ".5s", "1e3s", "0x5s", "5s infinity",
        "9223372036854775807ns", "9223372036854775808s", "1000000w", "0.0000000001s", "5s,"}) {
    EXPECT_EQ(parse_duration(bad), std::nullopt) << bad;
  }
}

TEST(Durations, AreSecondsWhereSomebodyTypesANumberAlone) {
  EXPECT_EQ(parse_typed_duration("5"), 5s);
  EXPECT_EQ(parse_typed_duration("0"), 0s);
  EXPECT_EQ(parse_typed_duration("1min 30s"), 90s);
  for (const char* bad : {"", " ", "s", "5x", "-1", "5 5x", "05", "99999999999"})
    EXPECT_EQ(parse_typed_duration(bad), std::nullopt) << bad;
}

}  // namespace
}  // namespace init
