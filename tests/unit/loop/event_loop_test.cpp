#include "libinit/loop/event_loop.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include "libinit/loop/flag.h"
#include "tests/unit/loop/backends.h"

namespace init::loop {
namespace {

using std::chrono::milliseconds;

struct Ends {
  UniqueFd read, write;
};

Ends make_pipe() {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

void ring(const UniqueFd& fd) {
  EXPECT_EQ(::write(fd.get(), "12345678", 8), 8);
}

class Loop : public OnEveryBackend {
 protected:
  std::vector<std::string> log;
};
INIT_ON_EVERY_BACKEND(Loop);

Task<> note_when_readable(EventLoop& loop, int fd, WaitOptions options, std::vector<std::string>& log,
                          std::string name) {
  const Result<std::uint32_t> ready = co_await loop.readable(fd, options);
  log.push_back(name + (ready ? "" : ": " + ready.error().text()));
}

TEST_P(Loop, WaitsUntilAPipeCanBeRead) {
  Ends pipe = make_pipe();
  loop.spawn(note_when_readable(loop, pipe.read.get(), {}, log, "readable"));
  loop.spawn([](EventLoop& on, UniqueFd& write, std::vector<std::string>& to) -> Task<> {
    co_await on.sleep(milliseconds(5));
    to.push_back("writes");
    ring(write);
  }(loop, pipe.write, log));
  ASSERT_TRUE(loop.run());
  EXPECT_EQ(log, (std::vector<std::string>{"writes", "readable"}));
}

TEST_P(Loop, WaitsUntilAPipeCanBeWritten) {
  Ends pipe = make_pipe();
  const std::string block(4096, 'x');
  while (::write(pipe.write.get(), block.data(), block.size()) > 0) continue;
  loop.spawn([](EventLoop& on, int fd, std::vector<std::string>& to) -> Task<> {
    co_await co_await on.writable(fd);
    to.push_back("writable");
  }(loop, pipe.write.get(), log));
  loop.spawn([](EventLoop& on, int fd, std::vector<std::string>& to) -> Task<> {
    co_await on.sleep(milliseconds(1));
    to.push_back("drains");
    std::string into(65536, '\0');
    EXPECT_GT(::read(fd, into.data(), into.size()), 0);
  }(loop, pipe.read.get(), log));
  ASSERT_TRUE(loop.run());
  EXPECT_EQ(log, (std::vector<std::string>{"drains", "writable"}));
}

TEST(Loops, TakeTheirTasksAlongWhenTheyEnd) {
  struct Witness {
    bool& gone;
    ~Witness() { gone = true; }
  };
  bool gone = false;
  {
    EventLoop loop;
    loop.spawn([](EventLoop& on, bool& told) -> Task<> {
      const Witness witness{told};
      co_await on.sleep(std::chrono::hours(1));
    }(loop, gone));
    EXPECT_FALSE(gone);
  }
  EXPECT_TRUE(gone);
}

TEST_P(Loop, GivesTheEndOfAPipeAsAnEvent) {
  Ends pipe = make_pipe();
  pipe.write.reset();
  const auto waits = [](EventLoop& on, int fd) -> Task<std::uint32_t> { co_return co_await on.readable(fd); };
  EXPECT_TRUE(*loop.run(waits(loop, pipe.read.get())) & EPOLLHUP);
}

TEST_P(Loop, SleepsInTheOrderOfDeadlinesAndNeverTooShort) {
  const MonotonicTime begin = monotonic_now();
  const auto naps = [](EventLoop& on, int ms, MonotonicTime from, std::vector<std::string>& to) -> Task<> {
    co_await on.sleep(milliseconds(ms));
    EXPECT_GE(monotonic_now() - from, milliseconds(ms));
    to.push_back(std::to_string(ms));
  };
  for (const int ms : {9, 1, 5}) loop.spawn(naps(loop, ms, begin, log));
  ASSERT_TRUE(loop.run());
  EXPECT_EQ(log, (std::vector<std::string>{"1", "5", "9"}));
}

TEST_P(Loop, EndsAWaitAtItsDeadline) {
  Ends pipe = make_pipe();
  const WaitOptions soon{monotonic_now() + milliseconds(3)};
  loop.spawn(note_when_readable(loop, pipe.read.get(), soon, log, "pipe"));
  ASSERT_TRUE(loop.run());
  EXPECT_EQ(log, (std::vector<std::string>{"pipe: wait: Connection timed out"}));
}

TEST_P(Loop, HandsOutWhatIsMoreUrgentFirst) {
  std::vector<UniqueFd> fds;
  for (const Priority priority : {Priority::Idle, Priority::Normal, Priority::Children, Priority::Signals}) {
    fds.emplace_back(::eventfd(1, EFD_CLOEXEC));
    const std::string name = std::to_string(static_cast<int>(priority));
    loop.spawn(note_when_readable(loop, fds.back().get(), {MonotonicTime::never(), priority}, log, name));
  }
  ASSERT_TRUE(loop.run());
  EXPECT_EQ(log, (std::vector<std::string>{"0", "1", "2", "3"}));
}

TEST_P(Loop, LetsTwoTasksWaitForOneDescriptor) {
  const UniqueFd both(::eventfd(0, EFD_CLOEXEC));
  loop.spawn(note_when_readable(loop, both.get(), {}, log, "woken"));
  loop.spawn(note_when_readable(loop, both.get(), {}, log, "woken"));
  loop.spawn([](EventLoop& on, const UniqueFd& fd) -> Task<> {
    co_await co_await on.writable(fd.get());
    const std::uint64_t one = 1;
    EXPECT_EQ(::write(fd.get(), &one, sizeof one), 8);
  }(loop, both));
  ASSERT_TRUE(loop.run());
  EXPECT_EQ(log, (std::vector<std::string>{"woken", "woken"}));
}

TEST_P(Loop, IsSilentAboutAWaitThatAnotherTaskHasEnded) {
  const UniqueFd first(::eventfd(1, EFD_CLOEXEC)), second(::eventfd(1, EFD_CLOEXEC));
  Task<> victim = note_when_readable(loop, second.get(), {}, log, "victim");
  victim.start(&loop);
  loop.spawn([](EventLoop& on, int fd, Task<>& other, std::vector<std::string>& to) -> Task<> {
    co_await co_await on.readable(fd, {MonotonicTime::never(), Priority::Signals});
    other = {};
    to.push_back("ended it");
  }(loop, first.get(), victim, log));
  ASSERT_TRUE(loop.run());
  EXPECT_EQ(log, (std::vector<std::string>{"ended it"}));
}

TEST_P(Loop, ReadsARegularFileWithoutWaiting) {
  const UniqueFd file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  loop.spawn(note_when_readable(loop, file.get(), {}, log, "file"));
  ASSERT_TRUE(loop.run());
  EXPECT_EQ(log, (std::vector<std::string>{"file"}));
}

TEST_P(Loop, GivesTheErrnoOfWhatItCannotWatch) {
  const auto waits = [](EventLoop& on) -> Task<std::uint32_t> { co_return co_await on.readable(9999); };
  const auto refused = loop.run(waits(loop));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().text(), "watch: fd 9999: Bad file descriptor");
}

TEST_P(Loop, EndsWithTheErrorOfATaskThatNobodyAwaits) {
  loop.spawn([](EventLoop& on) -> Task<> {
    co_await on.sleep(milliseconds(1));
    throw std::runtime_error("boom");
  }(loop));
  loop.spawn([](EventLoop& on) -> Task<> { co_await on.sleep(std::chrono::hours(1)); }(loop));
  EXPECT_EQ(loop.run().error().text(), "run a task: boom");
}

TEST_P(Loop, StopsWhenItIsTold) {
  loop.spawn([](EventLoop& on) -> Task<> {
    for (;;) co_await on.sleep(milliseconds(1));
  }(loop));
  loop.spawn([](EventLoop& on) -> Task<> {
    co_await on.sleep(milliseconds(5));
    on.stop();
  }(loop));
  EXPECT_TRUE(loop.run());
  const auto forever = [](EventLoop& on) -> Task<> { co_await on.sleep(std::chrono::hours(1)); };
  loop.stop();  // before it runs: not forgotten
  EXPECT_EQ(loop.run(forever(loop)).error().code, ECANCELED);
}

TEST_P(Loop, RefusesToRunWithinItself) {
  loop.spawn([](EventLoop& on, std::vector<std::string>& to) -> Task<> {
    to.push_back(on.run().error().text());
    co_return;
  }(loop, log));
  loop.spawn([](EventLoop& on, std::vector<std::string>& to) -> Task<> {
    co_await on.sleep(Duration(1));
    to.push_back(on.run().error().text());
  }(loop, log));
  ASSERT_TRUE(loop.run());
  EXPECT_EQ(log.back(), "run a loop: Device or resource busy");
}

TEST_P(Loop, SaysSoWhenNothingCanWakeItsTasks) {
  Flag never(loop);
  loop.spawn([](Flag& flag) -> Task<> { co_await flag.raised(); }(never));
  EXPECT_EQ(loop.run().error().code, EDEADLK);
}

TEST_P(Loop, OutlivesAFlagThatItsTasksWaitFor) {
  {
    Flag flag(loop);
    loop.spawn([](Flag& on) -> Task<> { co_await on.raised(); }(flag));
  }
  EXPECT_EQ(loop.run().error().code, EDEADLK);
}

TEST_P(Loop, WakesWhoeverWaitsForAFlag) {
  Flag flag(loop);
  const auto waits = [](Flag& on, std::vector<std::string>& to) -> Task<> {
    co_await on.raised();
    to.push_back("woken");
  };
  loop.spawn(waits(flag, log));
  loop.spawn(waits(flag, log));
  flag.raise();
  EXPECT_TRUE(log.empty());  // not from inside of the one that raises it
  ASSERT_TRUE(loop.run());
  EXPECT_EQ(log.size(), 2U);
  loop.spawn(waits(flag, log));  // it is still up
  EXPECT_EQ(log.size(), 3U);
}

TEST_P(Loop, ServesAThousandTasksAtOnce) {
  std::vector<Ends> pipes;
  for (int i = 0; i < 400; ++i) pipes.push_back(make_pipe());
  int served = 0;
  const auto serve = [](EventLoop& on, int fd, int& count) -> Task<> {
    co_await co_await on.readable(fd);
    ++count;
  };
  for (const Ends& pipe : pipes) loop.spawn(serve(loop, pipe.read.get(), served));
  for (int i = 0; i < 600; ++i) {
    loop.spawn([](EventLoop& on, int& count) -> Task<> {
      co_await on.sleep(milliseconds(1));
      ++count;
    }(loop, served));
  }
  for (const Ends& pipe : pipes) ring(pipe.write);
  ASSERT_TRUE(loop.run());
  EXPECT_EQ(served, 1000);
}

TEST_P(Loop, DoesNothingWhileNothingHappens) {
  rusage before{}, after{};
  Ends pipe = make_pipe();
  loop.spawn([](EventLoop& on, int fd) -> Task<> {
    const WaitOptions until{monotonic_now() + milliseconds(300)};
    const auto ready = co_await on.readable(fd, until);
    EXPECT_FALSE(ready);
  }(loop, pipe.read.get()));
  ASSERT_EQ(::getrusage(RUSAGE_THREAD, &before), 0);
  ASSERT_TRUE(loop.run());
  ASSERT_EQ(::getrusage(RUSAGE_THREAD, &after), 0);
  EXPECT_LE(after.ru_nvcsw - before.ru_nvcsw, 2);  // one wait, one timeout
}

TEST(LoopWithoutDescriptors, SaysWhyItCannotRun) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer needs descriptors of its own";
#endif
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = before;
  none.rlim_cur = 0;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  EventLoop loop;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  const auto naps = [](EventLoop& on) -> Task<> { co_await on.sleep(milliseconds(1)); };
  EXPECT_EQ(loop.run(naps(loop)).error().text(), "open an epoll: Too many open files");
}

}  // namespace
}  // namespace init::loop
