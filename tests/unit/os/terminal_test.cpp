#include "daemon/manager/os/terminal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "libinit/base/unique_fd.h"

namespace init::manager {
namespace {

class TerminalTest : public ::testing::Test {
 protected:
  void SetUp() override {
    master_.reset(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    ASSERT_TRUE(master_ && grantpt(master_.get()) == 0 && unlockpt(master_.get()) == 0);
    std::array<char, 64> name{};
    ASSERT_EQ(ptsname_r(master_.get(), name.data(), name.size()), 0);
    path_ = name.data();
    slave_.reset(open(path_.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC));
    ASSERT_TRUE(slave_);
  }

  UniqueFd master_, slave_;
  std::string path_;
};

TEST_F(TerminalTest, IsFitForPeopleAgainAfterAReset) {
  termios modes{};
  ASSERT_EQ(tcgetattr(slave_.get(), &modes), 0);
  cfmakeraw(&modes);
  modes.c_cc[VINTR] = 0;
  ASSERT_EQ(tcsetattr(slave_.get(), TCSANOW, &modes), 0);
  const auto done = prepare_terminal({path_, true, false, false});
  ASSERT_TRUE(done) << done.error().text();
  ASSERT_EQ(tcgetattr(slave_.get(), &modes), 0);
  EXPECT_NE(modes.c_lflag & ICANON, 0U);
  EXPECT_NE(modes.c_lflag & ECHO, 0U);
  EXPECT_NE(modes.c_oflag & ONLCR, 0U);
  EXPECT_EQ(modes.c_cc[VINTR], 3);
  EXPECT_EQ(modes.c_cc[VEOF], 4);
  EXPECT_EQ(modes.c_cc[VSUSP], 26);
}

TEST_F(TerminalTest, IsTakenFromAllWhoHaveItByAHangup) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  const auto done = prepare_terminal({path_, false, true, false});
  ASSERT_TRUE(done) << done.error().text();
  char byte = 0;
  EXPECT_LE(read(slave_.get(), &byte, 1), 0);
  EXPECT_LT(write(slave_.get(), "x", 1), 0);
  EXPECT_EQ(errno, EIO);
}

TEST(Terminal, WhatIsNoneIsAnErrorWithItsPath) {
  const auto done = prepare_terminal({"/dev/null", true, false, false});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ENOTTY);
  EXPECT_EQ(done.error().object, "/dev/null");
  EXPECT_EQ(prepare_terminal({"/dev/nonexistent", false, true, false}).error().code, ENOENT);
}

}  // namespace
}  // namespace init::manager
