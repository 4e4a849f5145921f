// F8: times at the edges come back as they went.
#include <gtest/gtest.h>

#include "libinit/base/duration.h"
#include "libinit/base/text.h"
#include "libinit/log/line.h"

namespace init::log {
namespace {

constexpr std::int64_t kSecond = 1'000'000;

TEST(BoundaryTimes, F8_EveryStampIsReadAsItWasWritten) {
  const std::int64_t years[] = {0,
                                951'782'400,
                                2'147'483'647,
                                2'147'483'648,
                                4'102'444'800,
                                4'294'967'295,
                                4'294'967'296,
                                253'402'300'799};
  for (const std::int64_t second : years) {
    for (const std::int64_t rest : {std::int64_t{0}, std::int64_t{1}, kSecond - 1}) {
      const std::int64_t time = second * kSecond + rest;
      const auto text = stamp(time);
      EXPECT_EQ(parse_stamp({text.data(), text.size()}), time) << std::string(text.data(), text.size());
    }
  }
}

// Of the year 10000 and before 1970 there is no stamp; nothing worse comes of asking.
TEST(BoundaryTimes, F8_WhatHasNoStampIsHarmless) {
  for (const std::int64_t time : {std::int64_t{-1}, INT64_MIN, INT64_MAX, 253'402'300'800 * kSecond}) {
    const auto text = stamp(time);
    (void)parse_stamp({text.data(), text.size()});
  }
}

TEST(BoundaryTimes, F8_TheLongestDurationsAreTold) {
  EXPECT_EQ(parse_duration("292years"), std::nullopt);
  EXPECT_EQ(parse_duration("99999999999999999999s"), std::nullopt);
  EXPECT_EQ(parse_duration("infinity"), kInfinity);
  for (const Duration time : {Duration::zero(), Duration::max(), Duration::min(), kInfinity - Duration(1)})
    EXPECT_FALSE(duration_text(time).empty());
}

}  // namespace
}  // namespace init::log
