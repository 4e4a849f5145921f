// F49: the logger dies, again and again, while fifty units write: no line is lost, torn or doubled, and no
// writer ends.
#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <random>
#include <thread>

#include "tests/unit/logger/harness.h"

namespace init::test {
namespace {

constexpr std::size_t kUnits = 50;

int kills() {
  const char* set = std::getenv("INITD_KILLS");
  return set != nullptr ? std::atoi(set) : 25;
}

std::string unit_name(std::size_t index) {
  return "u" + std::to_string(index) + ".service";
}

std::string numbered(std::uint64_t number) {
  return std::to_string(number) + " " + std::string(number * 7 % 150, 'x') + "\n";
}

// Writes numbered lines to all units, cut into two writes now and then, until told to stop. About 20,000 a
// second.
void write_lines(const std::vector<UniqueFd>& units, std::atomic<bool>& stop, std::uint64_t& count) {
  const MonotonicTime begin = monotonic_now();
  while (!stop) {
    const std::string line = numbered(count);
    for (const auto& unit : units) {
      const std::size_t cut = count % 16 == 0 ? line.size() / 2 : 0;
      write_all(unit.get(), std::string_view(line).substr(0, cut));
      write_all(unit.get(), std::string_view(line).substr(cut));
    }
    ++count;
    const Duration ahead =
        std::chrono::microseconds(2500) * static_cast<std::int64_t>(count) - (monotonic_now() - begin);
    if (ahead > std::chrono::milliseconds(1))
      (void)poll(nullptr, 0, static_cast<int>(ahead / std::chrono::milliseconds(1)));
  }
}

TEST(LoggerRecovery, F49KilledWhileFiftyUnitsWriteItLosesTearsAndDoublesNoLine) {
  LoggerHarness logger;
  unit::LogConfig config;
  config.size = 256 * 1024;
  config.count = 1000;
  config.total = std::uint64_t{1} << 30;
  std::vector<UniqueFd> units;
  for (std::size_t i = 0; i < kUnits; ++i)
    units.push_back(logger.open(unit_name(i), log::Stream::Out, std::string(32, 'a'), config));
  logger.start();
  std::atomic<bool> stop = false;
  std::uint64_t count = 0;
  std::thread writer([&] { write_lines(units, stop, count); });
  std::mt19937 random(7);
  for (int i = 0; i < kills(); ++i) {
    (void)poll(nullptr, 0, static_cast<int>(random() % 60));  // the load decides where it is hit
    logger.kill();
    logger.start();
  }
  stop = true;
  writer.join();
  units.clear();
  logger.await_all_done();
  std::string expected;
  for (std::uint64_t number = 0; number < count; ++number) expected += numbered(number);
  for (std::size_t i = 0; i < kUnits; ++i)
    ASSERT_EQ(logger.text(unit_name(i)) == expected, true) << unit_name(i) << " of " << count << " lines";
  RecordProperty("lines", static_cast<int>(count * kUnits));
}

TEST(LoggerRecovery, TheLineOfReadinessIsToldWhenItWasInHandAsALoggerDied) {
  LoggerHarness logger;
  logger.ready_line = "^ready$";
  auto out = logger.open("a.service");
  logger.leave_unfinished("ready\n");
  logger.start();
  while (logger.ready_in.empty()) ASSERT_TRUE(logger.hear(20'000));
  out.reset();
  logger.await_all_done();
  EXPECT_EQ(logger.text("a.service"), "ready\n");
}

TEST(LoggerRecovery, AManagerThatTakesUpAPipeIsToldOfItsReadinessAgain) {
  LoggerHarness logger;
  logger.ready_line = "^ready$";
  logger.start();
  auto out = logger.open("a.service");
  write_all(out.get(), "ready\n");
  while (logger.ready_in.empty()) ASSERT_TRUE(logger.hear(20'000));
  logger.tell_again();
  while (logger.ready_in.size() < 2) ASSERT_TRUE(logger.hear(20'000));
}

void wait_for(const std::function<bool()>& condition) {
  const MonotonicTime end = monotonic_now() + std::chrono::seconds(20);
  bool met = condition();
  for (; !met && monotonic_now() < end; met = condition()) (void)poll(nullptr, 0, 1);
  ASSERT_TRUE(met);
}

// One unit goes on without a word, the other has ended; each has filled more than one file of its ring.
TEST(LoggerRecovery, F48LinesLeftInMemoryGoHomeOnceHoweverOftenTheLoggerDies) {
  const char* given = std::getenv("INITD_ROUNDS");
  const int rounds = given != nullptr ? std::atoi(given) : 2;
  LoggerHarness logger;
  std::filesystem::create_directory(logger.disk);
  unit::LogConfig config;
  config.count = 1000;
  const auto silent = logger.open("silent.service", log::Stream::Out, std::string(32, 'a'), config);
  auto ended = logger.open("ended.service");
  logger.start();
  std::mt19937 random(7);
  std::string expected;
  for (int round = 0; round < rounds; ++round) {
    logger.kill();
    std::filesystem::rename(logger.disk, logger.place / "away");
    std::ofstream(logger.disk) << "no directory\n";
    logger.start();
    std::string lines;
    for (int i = 0; i < 1000; ++i) lines += numbered(static_cast<std::uint64_t>(round) * 1000 + i);
    write_all(silent.get(), lines);
    if (round == 0) write_all(ended.get(), lines);
    ended.reset();
    expected += lines;
    wait_for([&] { return logger.text("silent.service") == lines; });
    std::filesystem::remove(logger.disk);
    std::filesystem::rename(logger.place / "away", logger.disk);
    for (int deaths = 0; deaths < 3; ++deaths) {
      logger.kill();
      logger.start();
      (void)poll(nullptr, 0, static_cast<int>(random() % 8));
    }
    wait_for([&] { return std::filesystem::is_empty(logger.memory); });
    // What is being compressed has another name from one moment to the next.
    wait_for([&] { return logger.text("silent.service") == expected; });
  }
  wait_for([&] { return logger.text("ended.service") == expected.substr(0, expected.find("1000 ")); });
}

}  // namespace
}  // namespace init::test
