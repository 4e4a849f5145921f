#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <thread>

#include "libinit/log/names.h"
#include "tests/unit/logger/harness.h"

namespace init::test {
namespace {

const std::string kInvocation(32, 'a');

TEST(Logger, StoresWhatAUnitWritesWithStreamSeverityAndInvocation) {
  LoggerHarness logger;
  logger.start();
  auto out = logger.open("a.service");
  auto error = logger.open("a.service", log::Stream::Err);
  write_all(out.get(), "one\n");
  logger.until("a.service", "one\n");
  write_all(error.get(), "<3>two\n");
  logger.until("a.service", "two\n");
  const auto lines = logger.lines("a.service");
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0].stream, log::Stream::Out);
  EXPECT_EQ(lines[0].severity, 6);
  EXPECT_EQ(lines[0].invocation, kInvocation);
  EXPECT_EQ(lines[1].stream, log::Stream::Err);
  EXPECT_EQ(lines[1].severity, 3);
  EXPECT_EQ(lines[1].text, "<3>two");
}

TEST(Logger, KeepsAnyBytesAndLinesOfAnyLength) {
  LoggerHarness logger;
  logger.start();
  auto out = logger.open("a.service");
  std::string text =
      std::string("nul \0 in it\n", 12) + "bad \xff\xfe utf-8\n\n" + std::string(300'000, 'x') + "\nlast";
  write_all(out.get(), text);
  out.reset();
  logger.await_all_done();
  EXPECT_EQ(logger.text("a.service"), text + "\n");
}

TEST(Logger, AnUnfinishedLineIsStoredWhenNothingFollows) {
  LoggerHarness logger;
  logger.start();
  auto out = logger.open("a.service");
  write_all(out.get(), "Password: ");
  logger.until("a.service", "Password: \n");
  write_all(out.get(), "wrong\n");
  logger.until("a.service", "wrong\n");
  EXPECT_EQ(logger.text("a.service"), "Password: wrong\n");
}

TEST(Logger, EachInvocationKeepsItsOwnLines) {
  LoggerHarness logger;
  logger.start();
  auto first = logger.open("a.service");
  auto second = logger.open("a.service", log::Stream::Out, std::string(32, 'c'));
  write_all(first.get(), "of the first\n");
  logger.until("a.service", "first");
  write_all(second.get(), "of the second\n");
  logger.until("a.service", "second");
  write_all(first.get(), "first again\n");
  logger.until("a.service", "again");
  const auto lines = logger.lines("a.service");
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0].invocation, kInvocation);
  EXPECT_EQ(lines[1].invocation, std::string(32, 'c'));
  EXPECT_EQ(lines[2].invocation, kInvocation);
}

// It comes under the number that it had, but another pipe has its place.
TEST(Logger, APipeThatWasDoneIsWatchedWhenItComesAgain) {
  LoggerHarness logger;
  logger.start();
  auto first = logger.open("first.service");
  auto again = logger.open("again.service");
  first.reset();
  ASSERT_TRUE(logger.hear(20'000));
  again.reset();
  logger.await_all_done();
  const auto other = logger.open("other.service");
  again = logger.open_again("again.service");
  for (const char* line : {"one\n", "two\n", "three\n"}) {
    write_all(again.get(), line);
    logger.until("again.service", line);
  }
  again.reset();
  ASSERT_TRUE(logger.hear(20'000));  // done once more
  EXPECT_EQ(logger.text("again.service"), "one\ntwo\nthree\n");
}

TEST(Logger, RotatesBySizeCountAndTotalAndCompresses) {
  LoggerHarness logger;
  logger.start();
  unit::LogConfig config;
  config.size = 64 * 1024;
  config.count = 3;
  auto out = logger.open("a.service", log::Stream::Out, kInvocation, config);
  std::string all;
  for (int i = 0; i < 20'000; ++i) all += "line number " + std::to_string(i) + "\n";
  write_all(out.get(), all);
  out.reset();
  logger.await_all_done();
  const auto uncompressed = [&logger] {
    const auto files = logger.files("a.service");
    return std::count_if(files.begin(), files.end(),
                         [](const auto& file) { return file.extension() == ".log"; });
  };
  const MonotonicTime end = monotonic_now() + std::chrono::seconds(20);
  while (uncompressed() > 0 && monotonic_now() < end) (void)logger.hear(10);
  EXPECT_EQ(uncompressed(), 0);
  const auto files = logger.files("a.service");
  EXPECT_EQ(files.size(), 4U);
  const std::string kept = logger.text("a.service");
  EXPECT_GT(kept.size(), 100'000U);
  EXPECT_TRUE(std::string_view(all).ends_with(kept));
  EXPECT_EQ(contents(files[1]).substr(28, 1), "=") << "each file says whose lines it holds";
}

TEST(Logger, KeepsAndDropsByPattern) {
  LoggerHarness logger;
  logger.start();
  unit::LogConfig config;
  config.keep = {"error|warning", "^GET"};
  config.drop = {"healthz"};
  auto out = logger.open("a.service", log::Stream::Out, kInvocation, config);
  write_all(out.get(), "an error\nnothing\nGET /healthz\nGET /x\na warning\n");
  out.reset();
  logger.await_all_done();
  EXPECT_EQ(logger.text("a.service"), "an error\nGET /x\na warning\n");
}

TEST(Logger, TellsOnceOfEachInvocationThatHasTheLineOfReadiness) {
  LoggerHarness logger;
  logger.start();
  logger.ready_line = "^listening on [0-9]+$";
  unit::LogConfig config;
  config.drop = {"listening"};
  const std::string first(32, '1'), second(32, '2');
  const auto tells = [&logger](std::size_t count) {
    while (logger.ready_in.size() < count) ASSERT_TRUE(logger.hear(20'000));
  };
  auto out = logger.open("a.service", log::Stream::Out, first, config);
  auto error = logger.open("a.service", log::Stream::Err, first, config);
  write_all(out.get(), "listening on nothing\nlistening on 80, too\n");
  write_all(error.get(), "x\nlistening on 80\nlistening on 81\ny\n");
  tells(1);
  write_all(out.get(), "listening on 82\nz\n");
  logger.until("a.service", "z\n");
  auto next = logger.open("a.service", log::Stream::Out, second, config);
  write_all(next.get(), "listening on 80");  // and waits
  tells(2);
  EXPECT_EQ(logger.ready_in, (std::vector<std::string>{first, second}));
  EXPECT_EQ(logger.text("a.service"), "x\ny\nz\n");
}

TEST(Logger, ARateLimitDropsAndCounts) {
  LoggerHarness logger;
  logger.start();
  unit::LogConfig config;
  config.rate_limit = {10, std::chrono::hours(1)};
  auto out = logger.open("a.service", log::Stream::Out, kInvocation, config);
  std::string all;
  for (int i = 0; i < 100; ++i) all += std::to_string(i) + "\n";
  write_all(out.get(), all);
  EXPECT_EQ(logger.await_trouble("a.service"), "90 lines above rate-limit dropped");
  EXPECT_EQ(logger.text("a.service"), "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n");
}

TEST(Logger, ARateLimitThatBlocksLosesNothing) {
  LoggerHarness logger;
  logger.start();
  unit::LogConfig config;
  config.rate_limit = {10, std::chrono::milliseconds(20)};
  config.overflow = unit::Overflow::Block;
  auto out = logger.open("a.service", log::Stream::Out, kInvocation, config);
  std::string all;
  for (int i = 0; i < 55; ++i) all += std::to_string(i) + "\n";
  const MonotonicTime begin = monotonic_now();
  write_all(out.get(), all);
  out.reset();
  logger.await_all_done();
  EXPECT_GE(monotonic_now() - begin, std::chrono::milliseconds(80));
  EXPECT_EQ(logger.text("a.service"), all);
}

TEST(Logger, CutsOffATornTail) {
  LoggerHarness logger;
  std::filesystem::create_directories(logger.disk / "a.service");
  std::ofstream(logger.disk / "a.service/current")
      << "2026-11-21T06:07:12.123456Z o6 whole\n2026-11-21T06:07:12.123456Z o6 to" << std::string(100, '\0');
  logger.start();
  auto out = logger.open("a.service");
  write_all(out.get(), "next\n");
  out.reset();
  logger.await_all_done();
  EXPECT_EQ(logger.text("a.service"), "whole\nnext\n");
}

TEST(Logger, TermStoresWhatIsStillWrittenAndEnds) {
  LoggerHarness logger;
  logger.start();
  auto out = logger.open("a.service");
  write_all(out.get(), "first words\n");
  logger.until("a.service", "first words\n");
  write_all(out.get(), "last words\n");
  out.reset();
  EXPECT_EQ(logger.terminate(), 0);
  EXPECT_EQ(logger.text("a.service"), "first words\nlast words\n");
}

// ---- F47: what stands where the log should be

TEST(Logger, F47AnythingButAPlainFileIsLeftAloneAndSaid) {
  using Plant = void (*)(const std::filesystem::path&);
  const std::map<std::string, Plant> plants = {
      {"link", [](const std::filesystem::path& at) { std::filesystem::create_symlink("/etc/passwd", at); }},
      {"fifo", [](const std::filesystem::path& at) { ASSERT_EQ(mkfifo(at.c_str(), 0600), 0); }},
      {"directory", [](const std::filesystem::path& at) { std::filesystem::create_directory(at); }},
      {"hardlink",
       [](const std::filesystem::path& at) {
         std::ofstream(at.parent_path() / "other") << "x\n";
         std::filesystem::create_hard_link(at.parent_path() / "other", at);
       }},
  };
  const auto passwd = contents("/etc/passwd");
  LoggerHarness logger;
  logger.start();
  std::vector<UniqueFd> pipes;
  for (const auto& [what, plant] : plants) {
    const std::string unit = what + ".service";
    std::filesystem::create_directories(logger.disk / unit);
    plant(logger.disk / unit / "current");
    pipes.push_back(logger.open(unit));
    write_all(pipes.back().get(), "a line\n");
    EXPECT_NE(logger.await_trouble(unit).find("current"), std::string::npos) << what;
    EXPECT_NE(contents(logger.memory / unit / "current").find("a line"), std::string::npos) << what;
  }
  EXPECT_EQ(contents("/etc/passwd"), passwd);
  EXPECT_EQ(contents(logger.disk / "hardlink.service/other"), "x\n");
}

// ---- F45, P26: somebody who may write where the logs lie exchanges a unit's directory for a link, all the
// time

std::map<std::string, std::string> canaries(const std::filesystem::path& directory) {
  std::map<std::string, std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    struct stat status {};
    EXPECT_EQ(lstat(entry.path().c_str(), &status), 0);
    std::ifstream file(entry.path());
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    found[entry.path().filename()] =
        bytes + " " + std::to_string(status.st_mode) + " " + std::to_string(status.st_gid);
  }
  return found;
}

std::uint64_t least_flips() {
  const char* set = std::getenv("INITD_FLIPS");
  return set != nullptr ? std::strtoull(set, nullptr, 10) : 100'000;
}

TEST(Logger, F45P26ADirectoryThatBecomesALinkLeadsNowhereElse) {
  LoggerHarness logger;
  const auto victim = logger.place / "victim", unit = logger.disk / "a.service", link = logger.disk / "link";
  std::filesystem::create_directories(victim);
  std::filesystem::create_directories(unit);
  for (const char* name : {"current", "20200101T000000.000000Z.log", "20200102T000000.000000Z.log.zst"})
    std::ofstream(victim / name) << "2020-01-01T00:00:00.000000Z o6 canary\n";
  std::filesystem::create_directory_symlink(victim, link);
  const auto before = canaries(victim);
  std::atomic<bool> over = false;
  std::uint64_t flips = 0;
  std::thread attacker([&] {
    for (const std::uint64_t least = least_flips(); !over || flips < least; ++flips)
      renameat2(AT_FDCWD, unit.c_str(), AT_FDCWD, link.c_str(), RENAME_EXCHANGE);
  });
  logger.start();
  unit::LogConfig config;
  config.size = 64 * 1024;
  config.count = 1;
  auto out = logger.open("a.service", log::Stream::Out, std::string(32, 'a'), config);
  for (int i = 0; i < 200; ++i)
    write_all(out.get(), std::string(99, 'x') + "\n" + std::string(16'000, 'y') + "\n");
  out.reset();
  logger.await_all_done();
  over = true;
  attacker.join();
  (void)logger.terminate();
  EXPECT_EQ(canaries(victim), before) << flips;
}

// ---- F48: disks that do not take lines

TEST(Logger, F48AMissingDiskIsHealedFromMemoryWithoutALoss) {
  LoggerHarness logger;
  std::ofstream(logger.disk) << "no directory\n";
  logger.start();
  auto out = logger.open("a.service");
  write_all(out.get(), "early\n");
  EXPECT_NE(logger.await_trouble("a.service").find("Not a directory"), std::string::npos);
  EXPECT_EQ(logger.text("a.service"), "early\n");
  std::filesystem::remove(logger.disk);
  while (!logger.await_trouble("a.service").empty()) continue;
  write_all(out.get(), "late\n");
  out.reset();
  logger.await_all_done();
  EXPECT_EQ(logger.text("a.service"), "early\nlate\n");
  EXPECT_FALSE(std::filesystem::exists(logger.memory / "a.service"));
}

TEST(Logger, F48AFullDiskNeverBlocksAndHealsByItself) {
  LoggerHarness logger;
  std::filesystem::create_directory(logger.disk);
  if (mount("initd-test", logger.disk.c_str(), "tmpfs", 0, "size=64k") != 0) GTEST_SKIP() << "needs root";
  const auto unmounted = [](LoggerHarness* of) { (void)umount2(of->disk.c_str(), MNT_DETACH); };
  const std::unique_ptr<LoggerHarness, decltype(unmounted)> guard(&logger, unmounted);
  logger.start();
  auto out = logger.open("a.service");
  std::string all;
  for (int i = 0; i < 1500; ++i) all += "line number " + std::to_string(i) + " of a long row of them all\n";
  write_all(out.get(), all);
  const std::string trouble = logger.await_trouble("a.service");
  EXPECT_NE(trouble.find("No space left on device"), std::string::npos) << trouble;
  const auto last = [&logger] { return contents(logger.files("a.service").back()); };
  while (!last().ends_with(all.substr(all.size() - 20))) (void)logger.hear(10);
  EXPECT_EQ(logger.text("a.service"), all);
  ASSERT_EQ(mount("initd-test", logger.disk.c_str(), nullptr, MS_REMOUNT, "size=8m"), 0);
  while (!logger.await_trouble("a.service").empty()) continue;
  write_all(out.get(), "late\n");
  out.reset();
  logger.await_all_done();
  EXPECT_EQ(logger.text("a.service"), all + "late\n");
}

TEST(Logger, WithoutAnyPlaceLinesAreCountedAndTheUnitGoesOn) {
  LoggerHarness logger;
  std::ofstream(logger.disk) << "no directory\n";
  std::ofstream(logger.memory) << "no directory\n";
  logger.start();
  auto out = logger.open("a.service");
  for (int i = 0; i < 100; ++i) write_all(out.get(), std::string(10'000, 'x') + "\n");
  out.reset();
  // A line that came in two pieces counts as two.
  std::size_t lost = 0;
  while (lost < 100) {
    const std::string trouble = logger.await_trouble("a.service");
    ASSERT_NE(trouble.find(" lines lost"), std::string::npos) << trouble;
    lost = std::stoul(trouble.substr(trouble.rfind("; ") + 2));
  }
  logger.await_all_done();
}

}  // namespace
}  // namespace init::test
