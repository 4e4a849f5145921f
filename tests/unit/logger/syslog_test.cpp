#include <gtest/gtest.h>
#include <sys/socket.h>

#include "daemon/logger/syslog_socket.h"
#include "tests/unit/logger/harness.h"

namespace init::test {
namespace {

// What a logger sees of the first datagram that waits.
logger::DatagramId first_of(const LoggerHarness& harness) {
  logger::SyslogSocket socket(UniqueFd(dup(harness.syslog())), {}, {});
  const auto datagram = socket.look();
  return datagram ? datagram->id : logger::DatagramId{};
}

TEST(LoggerSyslog, StoresADatagramAsALineOfTheLogSyslog) {
  LoggerHarness logger;
  const auto sender = logger.open_syslog();
  logger.start();
  write_all(sender.get(), "<11>Nov 21 16:07:12 web: hello");
  logger.until("syslog", "hello\n");
  write_all(sender.get(), "<13>" + std::string(10'000, 'x'));
  EXPECT_EQ(logger.await_trouble("syslog"), "1 line cut off at 8 KiB, as longer datagrams are");
  EXPECT_EQ(send(sender.get(), "", 0, 0), 0);
  write_all(sender.get(), "<14>end");
  logger.until("syslog", "end\n");
  const auto lines = logger.lines("syslog");
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[0].text, "<11>web: hello");
  EXPECT_EQ(lines[0].severity, 3);
  EXPECT_EQ(lines[0].stream, log::Stream::Syslog);
  EXPECT_EQ(lines[1].text.size(), logger::kLongestDatagram);
  EXPECT_EQ(lines[2].text, "<13>");
}

TEST(LoggerSyslog, ReadsToTheEndWhatWasSentBeforeTheSocketWasShutDown) {
  LoggerHarness logger;
  const auto sender = logger.open_syslog();
  for (const char* const text : {"one", "two", "three"}) write_all(sender.get(), text);
  ASSERT_EQ(shutdown(logger.syslog(), SHUT_RD), 0);
  EXPECT_EQ(send(sender.get(), "four", 4, MSG_NOSIGNAL), -1);
  logger.start();
  while (!logger.syslog_done) ASSERT_TRUE(logger.hear(20'000));
  EXPECT_EQ(logger.text("syslog"), "<13>one\n<13>two\n<13>three\n");
}

// Each of the three places where a logger may die over a datagram; the same text again is another datagram.
TEST(LoggerSyslog, F49ADatagramInHandAsALoggerDiedIsStoredOnce) {
  for (const bool taken : {false, true}) {
    for (const std::size_t staged : {std::size_t{0}, std::size_t{5}, std::size_t{8}}) {
      if (taken && staged < 8) continue;
      LoggerHarness logger;
      const auto sender = logger.open_syslog();
      write_all(sender.get(), "one");
      const auto datagram = first_of(logger);
      write_all(sender.get(), "one");
      if (taken) {
        ASSERT_EQ(recv(logger.syslog(), nullptr, 0, MSG_TRUNC), 3);
      }
      logger.leave_unfinished(datagram, "one", staged);
      logger.start();
      write_all(sender.get(), "end");
      logger.until("syslog", "end\n");
      EXPECT_EQ(logger.text("syslog"), "<13>one\n<13>one\n<13>end\n") << taken << staged;
    }
  }
}

}  // namespace
}  // namespace init::test
