#include "daemon/manager/os/ready_pipe.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

namespace init::manager {
namespace {

class ReadyFd : public testing::Test {
 protected:
  void SetUp() override {
    auto made = ReadyPipe::create();
    ASSERT_TRUE(made.has_value());
    pipe_ = std::move(*made);
  }
  void write(const std::string& text) {
    ASSERT_EQ(::write(pipe_.write.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  Heard heard() { return listen_for_line(pipe_.read.get()); }
  ReadyPipe pipe_;
};

TEST_F(ReadyFd, ALineIsHeardAndStaysToBeHeardAgain) {
  EXPECT_EQ(heard(), Heard::Nothing);
  write("ready\n");
  EXPECT_EQ(heard(), Heard::Line);
  EXPECT_EQ(heard(), Heard::Line);
}

TEST_F(ReadyFd, WordsWithoutALineAreNothingYet) {
  write("soon");
  EXPECT_EQ(heard(), Heard::Nothing);
  write(std::string(10000, 'x'));
  EXPECT_EQ(heard(), Heard::Nothing);
  write("\n");
  Heard last = Heard::Nothing;
  for (int look = 0; look < 10 && last == Heard::Nothing; ++look) last = heard();
  EXPECT_EQ(last, Heard::Line);
}

TEST_F(ReadyFd, ALineAndTheEndIsALine) {
  write("\n");
  pipe_.write.reset();
  EXPECT_EQ(heard(), Heard::Line);
}

using F30 = ReadyFd;
TEST_F(F30, TheEndWithoutALineIsNoReadiness) {
  write("no line");
  pipe_.write.reset();
  EXPECT_EQ(heard(), Heard::Nothing);
  EXPECT_EQ(heard(), Heard::Closed);
}

}  // namespace
}  // namespace init::manager
