#include "libinit/thread/thread.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace init::thread {
namespace {

// Row 42.
TEST(Threads, WorkOnWhatIsMovedInAndReturnAValue) {
  auto numbers = std::make_unique<std::vector<int>>(std::vector<int>{1, 2, 3});
  auto summing = ThreadBuilder().spawn(
      [](std::unique_ptr<std::vector<int>> own) {
        int sum = 0;
        for (const int number : *own) sum += number;
        return sum;
      },
      std::move(numbers));
  ASSERT_TRUE(summing);
  EXPECT_EQ(*summing->join(), 6);
  EXPECT_EQ(numbers, nullptr);
}

TEST(Threads, TurnAnExceptionIntoTheErrorOfJoin) {
  auto throwing = ThreadBuilder().spawn([]() -> int { throw std::runtime_error("boom"); });
  EXPECT_EQ(throwing->join().error().text(), "run a thread: boom");
  auto odd = ThreadBuilder().spawn([] { throw 7; });
  EXPECT_EQ(odd->join().error().text(), "run a thread: an exception of unknown type");
}

TEST(Threads, AreJoinedOnce) {
  auto thread = ThreadBuilder().spawn([] {});
  EXPECT_TRUE(thread->join());
  EXPECT_EQ(thread->join().error().code, EINVAL);
}

TEST(Threads, AreJoinedWhenTheyAreForgotten) {
  std::atomic<bool> ended = false;
  {
    auto thread = ThreadBuilder().spawn([&ended] { ended = true; });
  }
  EXPECT_TRUE(ended);
}

// Row 43.
TEST(Threads, ShareACounterThatIsExact) {
  std::atomic<long> counter = 0;
  std::vector<Thread<void>> threads;
  for (int i = 0; i < 8; ++i) {
    auto thread = ThreadBuilder().spawn(
        [](std::atomic<long>& shared) {
          for (int n = 0; n < 1'000'000; ++n) shared.fetch_add(1, std::memory_order_relaxed);
        },
        std::ref(counter));
    ASSERT_TRUE(thread);
    threads.push_back(std::move(*thread));
  }
  for (auto& thread : threads) EXPECT_TRUE(thread.join());
  EXPECT_EQ(counter, 8'000'000);
}

// What pthread_getattr_np(3) says of the calling thread.
struct Attributes {
  std::size_t stack_size = 0;
  int detach_state = 0;
};
Attributes own_attributes() {
  pthread_attr_t native;
  ::pthread_getattr_np(::pthread_self(), &native);
  Attributes own;
  ::pthread_attr_getstacksize(&native, &own.stack_size);
  ::pthread_attr_getdetachstate(&native, &own.detach_state);
  ::pthread_attr_destroy(&native);
  return own;
}

// Row 44.
TEST(Threads, HaveTheStackThatWasAskedFor) {
  auto thread = ThreadBuilder().stack_size((1 << 20) + 1).spawn([] { return own_attributes(); });
  const std::size_t stack = thread->join()->stack_size;
  EXPECT_GT(stack, std::size_t{1} << 20U);
  EXPECT_LE(stack, (std::size_t{1} << 20U) + 65536);
  EXPECT_EQ(ThreadBuilder().stack_size(1).spawn([] {}).error().text(),
            "set the stack size: 1: Invalid argument");
}

TEST(Threads, AreDetachedWhenAskedTo) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  auto thread = ThreadBuilder().detached().spawn([write = ends[1]] {
    const int state = own_attributes().detach_state;
    static_cast<void>(!::write(write, &state, sizeof state));
  });
  ASSERT_TRUE(thread);
  EXPECT_EQ(thread->join().error().code, EINVAL);
  int state = -1;
  EXPECT_EQ(::read(ends[0], &state, sizeof state), static_cast<ssize_t>(sizeof state));
  EXPECT_EQ(state, PTHREAD_CREATE_DETACHED);
  ::close(ends[0]);
  ::close(ends[1]);
}

// Row 45.
TEST(Threads, RunOnTheCpusThatTheyArePinnedTo) {
  cpu_set_t allowed;
  ASSERT_EQ(::sched_getaffinity(0, sizeof allowed, &allowed), 0);
  int cpu = CPU_SETSIZE - 1;
  while (!CPU_ISSET(static_cast<unsigned>(cpu), &allowed)) --cpu;
  auto thread = ThreadBuilder().affinity({cpu}).spawn([] {
    cpu_set_t own;
    ::sched_getaffinity(0, sizeof own, &own);
    return own;
  });
  ASSERT_TRUE(thread) << thread.error().text();
  const auto own = thread->join();
  EXPECT_EQ(CPU_COUNT(&*own), 1);
  EXPECT_TRUE(CPU_ISSET(static_cast<unsigned>(cpu), &*own));
}

TEST(Threads, AreNotStartedOnCpusThatAreNone) {
  EXPECT_EQ(ThreadBuilder().affinity({}).spawn([] {}).error().text(), "set the affinity: Invalid argument");
  EXPECT_EQ(ThreadBuilder().affinity({-1}).spawn([] {}).error().object, "cpu -1");
  EXPECT_EQ(ThreadBuilder().affinity({CPU_SETSIZE - 1}).spawn([] {}).error().text(),
            "start a thread: Invalid argument");
}

}  // namespace
}  // namespace init::thread
