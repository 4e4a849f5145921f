#include "libinit/unit/values.h"

#include <gtest/gtest.h>

#include <csignal>

namespace init::unit {
namespace {

TEST(Signals, HaveTheNumbersOfTheKernel) {
  EXPECT_EQ(parse_signal("TERM"), SIGTERM);
  EXPECT_EQ(parse_signal("SIGHUP"), SIGHUP);
  EXPECT_EQ(parse_signal("WINCH"), SIGWINCH);
  EXPECT_EQ(parse_signal("SYS"), SIGSYS);
  EXPECT_EQ(parse_signal("RTMIN"), SIGRTMIN);
  EXPECT_EQ(parse_signal("RTMIN+3"), SIGRTMIN + 3);
  EXPECT_EQ(parse_signal("RTMAX-1"), SIGRTMAX - 1);
  for (const char* bad : {"", "SIG", "term", "15", "RTMIN+31", "RTMIN-1", "RTMINX", "TERM "}) {
    EXPECT_EQ(parse_signal(bad), std::nullopt) << bad;
  }
}

TEST(Modes, AreThreeOrFourOctalDigits) {
  EXPECT_EQ(parse_mode("0640"), 0640);
  EXPECT_EQ(parse_mode("755"), 0755);
  EXPECT_EQ(parse_mode("7777"), 07777);
  for (const char* bad : {"", "64", "0o640", "0x1ff", "0888", "00640", "u=rw"})
    EXPECT_FALSE(parse_mode(bad)) << bad;
}

TEST(Sizes, CountInPowersOf1024) {
  EXPECT_EQ(parse_size("64M"), 64ULL << 20U);
  EXPECT_EQ(parse_size("512"), 512U);
  EXPECT_EQ(parse_size("8388607T"), 8388607ULL << 40U);
  for (const char* bad : {"", "M", "1.5G", "-1", "8388608T", "64MB", "064"})
    EXPECT_FALSE(parse_size(bad)) << bad;
}

TEST(Paths, AreAbsoluteAndClimbNowhere) {
  for (const char* good : {"/", "/a", "/a/b", "/a//b", "/a b", "/..a", "/a..", "/a/...", "/a/"})
    EXPECT_TRUE(valid_path(good)) << good;
  for (const char* bad : {"", "a", "./a", "/..", "/a/..", "/a/../b", "/./a", "/a/.", "/a\n"})
    EXPECT_FALSE(valid_path(bad)) << bad;
  EXPECT_TRUE(valid_path("/" + std::string(4094, 'x')));
  EXPECT_FALSE(valid_path("/" + std::string(4095, 'x')));
}

}  // namespace
}  // namespace init::unit
