#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdlib>

#include "libinit/process/stdio.h"
#include "tests/unit/logger/harness.h"

namespace init::test {
namespace {

// Reads until the text is there, and gives all that was read.
std::string read_until(int fd, std::string_view text) {
  std::string all;
  std::string piece(65536, '\0');
  pollfd ready{fd, POLLIN, 0};
  while (all.find(text) == std::string::npos && poll(&ready, 1, 20'000) == 1) {
    const ssize_t got = read(fd, piece.data(), piece.size());
    if (got <= 0) break;
    all.append(piece, 0, static_cast<std::size_t>(got));
  }
  return all;
}

TEST(Forwarding, ToStandardOutputNamesTheUnitAndEscapesItsWords) {
  LoggerHarness logger;
  auto pipe = process::Pipe::create();
  logger.standard_output = std::move(pipe->write);
  logger.start();
  const auto out = logger.open_forwarded("web.service", channel::kForwardStdout);
  const auto silent = logger.open("other.service");
  write_all(silent.get(), "not here\n");
  logger.until("other.service", "not here\n");
  write_all(out.get(), "<3>one \x1b[2J\xff\x9b\ttwo\n");
  EXPECT_EQ(read_until(pipe->read.get(), "\n"), "web: one \\x1b[2J\\xff\\x9b\ttwo\n");
  logger.until("web.service", "two\n");
}

TEST(Forwarding, OnATerminalTheUnitsNameHasAColourOfItsOwn) {
  const UniqueFd terminal(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_EQ(grantpt(terminal.get()) | unlockpt(terminal.get()), 0);
  LoggerHarness logger;
  logger.standard_output.reset(open(ptsname(terminal.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
  logger.start();
  const auto out = logger.open_forwarded("web.service", channel::kForwardStdout);
  write_all(out.get(), "one \x1b[2J\n");
  const std::string said = read_until(terminal.get(), "\n");
  EXPECT_EQ(said.substr(0, 3), "\x1b[3");
  EXPECT_EQ(said.substr(4), "mweb:\x1b[0m one \\x1b[2J\r\n");
}

TEST(Forwarding, ASlowReaderLosesLinesThereOnlyAndIsToldOf) {
  LoggerHarness logger;
  auto pipe = process::Pipe::create();
  logger.standard_output = std::move(pipe->write);
  logger.start();
  const auto out = logger.open_forwarded("web.service", channel::kForwardStdout);
  std::string all;
  for (int i = 0; i < 100'000; ++i) all += "line " + std::to_string(i) + "\n";
  write_all(out.get(), all);
  logger.until("web.service", "line 99999\n");
  EXPECT_EQ(logger.text("web.service"), all);
  EXPECT_NE(logger.await_trouble("web.service").find("stdout: "), std::string::npos);
  // It begins to read: what has waited comes, and what is missing is said.
  std::string first;
  while (first.size() < 200'000) first += read_until(pipe->read.get(), "\n");
  write_all(out.get(), "again\n");
  const std::string rest = first + read_until(pipe->read.get(), "web: again\n");
  EXPECT_NE(rest.find("web: line 1000\n"), std::string::npos);
  EXPECT_EQ(rest.find("web: line 99999\n"), std::string::npos);
  EXPECT_NE(rest.find(" lines were dropped here\nweb: again\n"), std::string::npos);
}

TEST(Forwarding, AReaderThatIsGoneIsNoHarm) {
  LoggerHarness logger;
  auto pipe = process::Pipe::create();
  logger.standard_output = std::move(pipe->write);
  logger.start();
  logger.standard_output.reset();
  pipe->read.reset();
  const auto out = logger.open_forwarded("web.service", channel::kForwardStdout);
  write_all(out.get(), "one\n");
  EXPECT_NE(logger.await_trouble("web.service").find("stdout: write: "), std::string::npos);
  write_all(out.get(), "two\n");
  logger.until("web.service", "two\n");
}

TEST(Forwarding, ToSyslogWaitsForADaemonAndHasTheSeverityOfTheLine) {
  if (access("/dev/log", F_OK) == 0 || geteuid() != 0) GTEST_SKIP() << "the machine has a syslog daemon";
  LoggerHarness logger;
  logger.start();
  const auto out = logger.open_forwarded("web.service", channel::kForwardSyslog);
  write_all(out.get(), "<3>early\n");
  EXPECT_NE(logger.await_trouble("web.service").find("syslog: connect: /dev/log: "), std::string::npos);
  const UniqueFd daemon(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const sockaddr_un address{AF_UNIX, "/dev/log"};
  ASSERT_EQ(bind(daemon.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  const std::string first = read_until(daemon.get(), "early");
  unlink("/dev/log");
  EXPECT_EQ(first.substr(0, 4), "<27>");
  EXPECT_EQ(first.substr(first.size() - 10), "web: early");
  write_all(out.get(), "late\n");
  const std::string second = read_until(daemon.get(), "late");
  EXPECT_EQ(second.substr(0, 4), "<30>");
}

}  // namespace
}  // namespace init::test
