#include "libinit/notify/message.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "libinit/base/utf8.h"

namespace init::notify {
namespace {

using std::chrono::microseconds;

Message understood(std::string_view datagram) {
  const auto message = parse(datagram);
  EXPECT_TRUE(message.has_value()) << datagram;
  return message.value_or(Message{});
}

TEST(Notify, EveryVariableOfTheProtocolIsUnderstood) {
  const Message message = understood(
      "READY=1\nSTATUS=Serving\nERRNO=2\nBUSERROR=org.freedesktop.DBus.Error.TimedOut\nMAINPID=4711\n"
      "WATCHDOG=1\nWATCHDOG_USEC=20000000\nEXTEND_TIMEOUT_USEC=5000\nMONOTONIC_USEC=77\nFDSTORE=1\n"
      "FDNAME=listener\nFDPOLL=0\nBARRIER=1\nFDSTOREREMOVE=1\n");
  EXPECT_EQ(message.phase, Phase::Ready);
  EXPECT_EQ(message.status, "Serving");
  EXPECT_EQ(message.error, 2);
  EXPECT_EQ(message.bus_error, "org.freedesktop.DBus.Error.TimedOut");
  EXPECT_EQ(message.main_pid, 4711);
  EXPECT_EQ(message.watchdog, Watchdog::Alive);
  EXPECT_EQ(message.watchdog_interval, microseconds(20000000));
  EXPECT_EQ(message.extend_timeout, microseconds(5000));
  EXPECT_EQ(message.reload_began, MonotonicTime{microseconds(77)});
  EXPECT_TRUE(message.store && message.remove && message.barrier && !message.poll);
  EXPECT_EQ(message.fd_name, "listener");
}

TEST(Notify, OfPhasesTheLastCounts) {
  EXPECT_EQ(understood("RELOADING=1\nREADY=1").phase, Phase::Ready);
  EXPECT_EQ(understood("READY=1\nRELOADING=1").phase, Phase::Reloading);
  EXPECT_EQ(understood("READY=1\nSTOPPING=1\n").phase, Phase::Stopping);
  EXPECT_EQ(understood("READY=0").phase, Phase::None);
  EXPECT_EQ(understood("READY=1x").phase, Phase::None);
  EXPECT_EQ(understood("WATCHDOG=trigger").watchdog, Watchdog::Trigger);
}

TEST(Notify, WhatIsNotKnownIsLeftOut) {
  EXPECT_EQ(understood("MAINPIDFDID=99\nMAINPIDFD=1\nX_OWN=1\nready=1\n READY=1\n=\nno variable\n"),
            Message{});
}

TEST(Notify, OwnersOfNamesAreTold) {
  EXPECT_EQ(understood("X_INITD_BUS_OWNER=org.x 42").bus_owner, (Message::BusOwner{"org.x", 42}));
  EXPECT_EQ(understood("X_INITD_BUS_OWNER=org.x 0").bus_owner, (Message::BusOwner{"org.x", 0}));
  for (const char* wrong : {"org.x", "org.x ", "org.x -1", "org.x 1 2", " "})
    EXPECT_FALSE(understood("X_INITD_BUS_OWNER=" + std::string(wrong)).bus_owner) << wrong;
}

TEST(Notify, OneNulAtTheEndIsNoHarm) {
  EXPECT_EQ(understood(std::string_view("READY=1\0", 8)).phase, Phase::Ready);
}

TEST(F1, EmptyGiantAndBinaryDatagramsAreRefused) {
  EXPECT_FALSE(parse(""));
  EXPECT_FALSE(parse(std::string_view("\0", 1)));
  EXPECT_FALSE(parse(std::string_view("READY=1\0\0", 9)));
  EXPECT_FALSE(parse(std::string_view("READY=1\0STOPPING=1", 18)));
  EXPECT_TRUE(parse("READY=1\n" + std::string(kMaxDatagram - 8, 'x')));
  EXPECT_FALSE(parse("READY=1\n" + std::string(kMaxDatagram - 7, 'x')));
  EXPECT_TRUE(parse("x"));
  EXPECT_TRUE(parse("\n"));
}

TEST(F1, NumbersThatAreNoneAreLeftOutAndTheRestCounts) {
  for (const char* pid :
       {"0", "1", "-5", "+5", " 5", "5 ", "0x5", "", "2147483648", "99999999999999999999"}) {
    const Message message = understood("READY=1\nMAINPID=" + std::string(pid));
    EXPECT_FALSE(message.main_pid) << pid;
    EXPECT_EQ(message.phase, Phase::Ready);
  }
  EXPECT_EQ(understood("MAINPID=2147483647").main_pid, 2147483647);
  EXPECT_EQ(understood("ERRNO=0").error, 0);
  EXPECT_FALSE(understood("ERRNO=-1").error);
  EXPECT_FALSE(understood("WATCHDOG_USEC=18446744073709551615").watchdog_interval);
  EXPECT_TRUE(understood("WATCHDOG_USEC=9223372036854775").watchdog_interval);
  EXPECT_FALSE(understood("WATCHDOG_USEC=9223372036854776").watchdog_interval);
}

TEST(Notify, AStatusIsFitForATerminalAndShort) {
  EXPECT_EQ(understood("STATUS=\x1b[2Jgone\x07").status, "?[2Jgone?");
  EXPECT_EQ(understood("STATUS=gr\xc3\xbc\xc3\x9f\xff").status, "gr\xc3\xbc\xc3\x9f?");
  EXPECT_EQ(understood("STATUS=\xe2\x80\xae"
                       "abc")
                .status,
            "?abc");  // turns the order of the text
  EXPECT_EQ(understood("STATUS=").status, "");
  const auto cut = understood("STATUS=" + std::string(kMaxStatus - 1, 'a') + "\xc3\xbc").status;
  EXPECT_EQ(cut, std::string(kMaxStatus - 1, 'a'));  // between characters
}

TEST(Notify, NamesOfDescriptorsCannotBreakTheList) {
  EXPECT_EQ(understood("FDNAME=a:b").fd_name, "");
  EXPECT_EQ(understood("FDNAME=" + std::string(kMaxFdName + 1, 'n')).fd_name, "");
  EXPECT_EQ(understood("FDNAME=with blank").fd_name, "with blank");
  EXPECT_FALSE(is_fd_name(""));
  EXPECT_FALSE(is_fd_name("\t"));
}

RC_GTEST_PROP(Notify, AnyBytesGiveAStatusThatIsHarmless, (const std::string& bytes)) {
  std::string shown = printable(bytes, kMaxStatus);
  RC_ASSERT(shown.size() <= kMaxStatus);
  for (std::string_view left = shown; !left.empty();) {
    const Character next = first_character(left);
    RC_ASSERT(next.valid && is_harmless(next.code));
    left.remove_prefix(next.bytes);
  }
}

}  // namespace
}  // namespace init::notify
