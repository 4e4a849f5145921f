#include "daemon/manager/os/timers.h"

#include <gtest/gtest.h>

namespace init::manager {
namespace {

using core::TimerKind;

MonotonicTime at(int ms) {
  return {std::chrono::milliseconds(ms)};
}

TEST(Timers, ComeUpInOrderAndOnce) {
  Timers timers;
  timers.arm({1, TimerKind::Phase, 10, at(30)});
  timers.arm({2, TimerKind::Phase, 20, at(10)});
  timers.arm({1, TimerKind::Restart, 11, at(20)});
  EXPECT_EQ(timers.next(), at(10));
  const auto due = timers.take_due(at(20));
  ASSERT_EQ(due.size(), 2U);
  EXPECT_EQ(due[0].serial, 20U);
  EXPECT_EQ(due[1].serial, 11U);
  EXPECT_TRUE(timers.take_due(at(20)).empty());
  EXPECT_EQ(timers.next(), at(30));
}

TEST(Timers, ArmingAgainReplacesAndNeverDisarms) {
  Timers timers;
  timers.arm({1, TimerKind::Phase, 1, at(10)});
  timers.arm({1, TimerKind::Phase, 2, at(50)});
  EXPECT_TRUE(timers.take_due(at(40)).empty());
  timers.arm({1, TimerKind::Phase, 3, MonotonicTime::never()});
  EXPECT_EQ(timers.next(), MonotonicTime::never());
  timers.arm({1, TimerKind::Phase, 4, at(5)});
  timers.cancel(1, TimerKind::Phase);
  EXPECT_EQ(timers.next(), MonotonicTime::never());
}

}  // namespace
}  // namespace init::manager
