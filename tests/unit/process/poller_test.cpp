#include "libinit/process/poller.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <sys/timerfd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <vector>

namespace init::process {
namespace {

using std::chrono::milliseconds;

MonotonicTime in(Duration wait) {
  return monotonic_now() + wait;
}

class PollerTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(loop_.open(), 0); }

  int add_ready(Token token) {
    fds_.emplace_back(::eventfd(1, EFD_CLOEXEC));
    EXPECT_EQ(loop_.add(fds_.back().get(), EPOLLIN, token), 0);
    return fds_.back().get();
  }

  Poller loop_;
  std::vector<UniqueFd> fds_;
};

TEST_F(PollerTest, GivesLowerKindsFirstAndKeepsTheOrderOfArrivalWithinOne) {
  for (const Token token : {Token{3, 0}, Token{1, 0}, Token{2, 0}, Token{1, 1}, Token{3, 1}, Token{1, 2}}) {
    add_ready(token);
  }
  std::vector<std::pair<std::uint32_t, std::uint32_t>> order;
  for (const Ready& ready : loop_.wait(in(milliseconds{0}))) {
    EXPECT_EQ(ready.events, static_cast<std::uint32_t>(EPOLLIN));
    order.emplace_back(ready.token.kind, ready.token.index);
  }
  const decltype(order) wanted{{1, 0}, {1, 1}, {1, 2}, {2, 0}, {3, 0}, {3, 1}};
  EXPECT_EQ(order, wanted);
}

TEST_F(PollerTest, CarriesAllBitsOfAToken) {
  add_ready({0xfffffffeU, 0xfffffffdU});
  const auto ready = loop_.wait(in(milliseconds{0}));
  ASSERT_EQ(ready.size(), 1U);
  EXPECT_EQ(ready[0].token.kind, 0xfffffffeU);
  EXPECT_EQ(ready[0].token.index, 0xfffffffdU);
}

TEST_F(PollerTest, ServesEverySourceInTurnWhenMoreAreReadyThanOneBatchHolds) {
  constexpr std::uint32_t kSources = Poller::kBatch + 40;
  for (std::uint32_t index = 0; index < kSources; ++index) add_ready({index % 3, index});
  std::vector<int> seen(kSources);
  for (int turn = 0; turn < 2; ++turn) {
    for (const Ready& ready : loop_.wait(in(milliseconds{0}))) ++seen[ready.token.index];
  }
  for (const int times : seen) EXPECT_GE(times, 1);
}

TEST_F(PollerTest, IsSilentAboutARemovedSourceAndHearsAChangedOne) {
  const int gone = add_ready({1, 1});
  const int changed = add_ready({1, 2});
  loop_.remove(gone);
  loop_.remove(-1);
  EXPECT_EQ(loop_.change(changed, EPOLLOUT, {7, 8}), 0);
  const auto ready = loop_.wait(in(milliseconds{0}));
  ASSERT_EQ(ready.size(), 1U);
  EXPECT_EQ(ready[0].token.kind, 7U);
  EXPECT_EQ(ready[0].events, static_cast<std::uint32_t>(EPOLLOUT));
}

TEST_F(PollerTest, GivesTheErrnoOfWhatItCannotWatch) {
  EXPECT_EQ(loop_.add(-1, EPOLLIN, {}), EBADF);
  const UniqueFd file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(loop_.add(file.get(), EPOLLIN, {}), EPERM);
  const UniqueFd unknown(::eventfd(0, EFD_CLOEXEC));
  EXPECT_EQ(loop_.change(unknown.get(), EPOLLIN, {}), ENOENT);
}

TEST_F(PollerTest, NeverWakesBeforeItsDeadline) {
  const MonotonicTime deadline = in(std::chrono::microseconds{2500});
  EXPECT_TRUE(loop_.wait(deadline).empty());
  EXPECT_GE(monotonic_now(), deadline);
}

TEST_F(PollerTest, DoesNotWaitForADeadlineThatHasPassed) {
  EXPECT_TRUE(loop_.wait({}).empty());
}

TEST_F(PollerTest, WaitsWithoutLimitUntilSomethingIsReady) {
  const UniqueFd timer(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
  const itimerspec soon{{}, {0, 3'000'000}};
  ASSERT_EQ(::timerfd_settime(timer.get(), 0, &soon, nullptr), 0);
  ASSERT_EQ(loop_.add(timer.get(), EPOLLIN, {4, 2}), 0);
  EXPECT_EQ(loop_.wait(MonotonicTime::never()).size(), 1U);
}

TEST_F(PollerTest, TakesASignalAsAnEmptyTurn) {
  struct sigaction action {
  }, before{};
  action.sa_handler = [](int) {};
  ASSERT_EQ(::sigaction(SIGALRM, &action, &before), 0);
  // Again and again: the first one may come before the wait has begun.
  const itimerval often{{0, 3000}, {0, 3000}}, never{};
  ASSERT_EQ(::setitimer(ITIMER_REAL, &often, nullptr), 0);
  EXPECT_TRUE(loop_.wait(MonotonicTime::never()).empty());
  ::setitimer(ITIMER_REAL, &never, nullptr);
  ::sigaction(SIGALRM, &before, nullptr);
}

}  // namespace
}  // namespace init::process
