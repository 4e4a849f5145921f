#include "libinit/process/exit_status.h"

#include <gtest/gtest.h>

#include <csignal>

namespace init::process {
namespace {

using Kind = ExitStatus::Kind;

TEST(ExitStatus, SaysInWordsHowAProcessEnded) {
  EXPECT_EQ((ExitStatus{Kind::Exited, 0}).text(), "exit 0");
  EXPECT_EQ((ExitStatus{Kind::Exited, 3}).text(), "exit 3");
  EXPECT_EQ((ExitStatus{Kind::Exited, 126}).text(), "exit 126 (command cannot be run)");
  EXPECT_EQ((ExitStatus{Kind::Exited, 127}).text(), "exit 127 (command not found)");
  EXPECT_EQ((ExitStatus{Kind::Signaled, SIGTERM}).text(), "signal 15 (TERM)");
  EXPECT_EQ((ExitStatus{Kind::Dumped, SIGSEGV}).text(), "signal 11 (SEGV), core dumped");
  EXPECT_EQ((ExitStatus{Kind::Signaled, SIGRTMIN + 3}).text(), "signal 37 (RTMIN+3)");
  EXPECT_EQ((ExitStatus{Kind::Signaled, 32}).text(), "signal 32");
  EXPECT_EQ(ExitStatus{}.text(), "not ended");
}

TEST(ExitStatus, SaysTheSameInJson) {
  EXPECT_EQ((ExitStatus{Kind::Exited, 3}).json(), R"({"kind":"exited","code":3})");
  EXPECT_EQ((ExitStatus{Kind::Signaled, SIGTERM}).json(),
            R"({"kind":"signaled","signal":15,"name":"TERM","core_dumped":false})");
  EXPECT_EQ((ExitStatus{Kind::Dumped, SIGSEGV}).json(),
            R"({"kind":"signaled","signal":11,"name":"SEGV","core_dumped":true})");
  EXPECT_EQ(ExitStatus{}.json(), R"({"kind":"none"})");
}

TEST(ExitStatus, IsASuccessOnlyAsExitZero) {
  EXPECT_TRUE((ExitStatus{Kind::Exited, 0}).success());
  EXPECT_FALSE((ExitStatus{Kind::Exited, 1}).success());
  EXPECT_FALSE((ExitStatus{Kind::Signaled, 0}).success());
  EXPECT_FALSE(ExitStatus{}.success());
}

TEST(SignalName, IsUnderstoodAgainForEverySignal) {
  for (int signal = 1; signal <= SIGRTMAX; ++signal) {
    EXPECT_EQ(parse_signal(signal_name(signal)), signal) << signal_name(signal);
  }
}

TEST(SignalName, IsTakenWithAndWithoutItsPrefixAndAsANumber) {
  EXPECT_EQ(parse_signal("TERM"), SIGTERM);
  EXPECT_EQ(parse_signal("SIGTERM"), SIGTERM);
  EXPECT_EQ(parse_signal("15"), SIGTERM);
  EXPECT_EQ(parse_signal("IO"), SIGIO);
  EXPECT_EQ(parse_signal("IOT"), SIGABRT);
  EXPECT_EQ(parse_signal("SIGRTMIN"), SIGRTMIN);
  EXPECT_EQ(parse_signal("SIGRTMIN+13"), SIGRTMIN + 13);
  EXPECT_EQ(parse_signal("RTMAX-1"), SIGRTMAX - 1);
}

TEST(SignalName, IsRefusedWhenThereIsNoSuchSignal) {
  for (const char* name : {"", "0", "65", "-9", "+9", "9 ", "99999999999", "SIG", "SIGSIGTERM", "term",
                           "RTMIN+", "RTMIN-1", "RTMIN+31", "RTMAX+1", "RTMIN+-1", "TERMX"}) {
    EXPECT_EQ(parse_signal(name), 0) << '"' << name << '"';
  }
}

}  // namespace
}  // namespace init::process
