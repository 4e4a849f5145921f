#include "libinit/loop/task.h"

#include <memory>
#include <stdexcept>
#include <string>

#include "tests/unit/loop/backends.h"

namespace init::loop {
namespace {

class Tasks : public OnEveryBackend {};
INIT_ON_EVERY_BACKEND(Tasks);

Task<int> gives(int value) {
  co_return value;
}
Task<int> refuses(int error) {
  co_return failure(error, "open", "/x");
}
Task<> throws_later(EventLoop& loop) {
  co_await loop.sleep(Duration(1));
  throw std::runtime_error("boom");
}

TEST_P(Tasks, GiveTheirValueThroughAnyNumberOfOthers) {
  const auto twice = [](EventLoop& on) -> Task<int> {
    co_await on.sleep(Duration(1));
    const Result<int> one = co_await gives(20);
    co_return *one + co_await co_await gives(1);
  };
  EXPECT_EQ(*loop.run(twice(loop)), 21);
}

TEST_P(Tasks, GiveErrorsAsValues) {
  const auto asks = []() -> Task<std::string> {
    const Result<int> refused = co_await refuses(ENOENT);
    co_return refused ? "no error" : refused.error().text();
  };
  EXPECT_EQ(*loop.run(asks()), "open: /x: No such file or directory");
}

TEST_P(Tasks, EndWithTheErrorOfAResultTheyAwait) {
  bool went_on = false;
  const auto passes_on = [](bool& flag) -> Task<> {
    co_await co_await refuses(EACCES);
    flag = true;
  };
  const Result<> ended = loop.run(passes_on(went_on));
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, EACCES);
  EXPECT_FALSE(went_on);
}

TEST_P(Tasks, FailByAwaitingAFailure) {
  const auto fails = []() -> Task<> { co_await failure(EIO, "read"); };
  EXPECT_EQ(loop.run(fails()).error().text(), "read: Input/output error");
}

TEST_P(Tasks, TurnAnExceptionIntoAnErrorOfTheOneWhoWaits) {
  const auto waits = [](EventLoop& on) -> Task<std::string> {
    const Result<> ended = co_await throws_later(on);
    co_return ended.error().text();
  };
  EXPECT_EQ(*loop.run(waits(loop)), "run a task: boom");
}

TEST_P(Tasks, OfAMillionThatEndAtOnceDoNotGrowTheStack) {
  const auto sums = []() -> Task<long> {
    long sum = 0;
    for (int i = 0; i < 1'000'000; ++i) sum += co_await co_await gives(1);
    co_return sum;
  };
  EXPECT_EQ(*loop.run(sums()), 1'000'000);
}

TEST_P(Tasks, ThatWaitOneAfterTheOtherDoNotGrowTheStackEither) {
  const auto naps = [](EventLoop& on) -> Task<int> {
    const auto nap = [](EventLoop& where) -> Task<int> {
      co_await where.sleep(Duration(0));
      co_return 1;
    };
    int sum = 0;
    for (int i = 0; i < 20'000; ++i) sum += co_await co_await nap(on);
    co_return sum;
  };
  EXPECT_EQ(*loop.run(naps(loop)), 20'000);
}

TEST_P(Tasks, GiveTheirResultOnce) {
  Task<int> task = gives(3);
  EXPECT_EQ(*loop.run([](Task<int>& of) -> Task<int> { co_return co_await of; }(task)), 3);
  EXPECT_EQ(loop.run(std::move(task)).error().code, EALREADY);
}

TEST_P(Tasks, DestroyTheirLocalsWhenTheyAreEndedEarly) {
  const auto token = std::make_shared<int>();
  {
    Task<> waits = [](EventLoop& on, std::shared_ptr<int> held) -> Task<> {
      co_await on.sleep(std::chrono::hours(1));
      EXPECT_TRUE(held);
    }(loop, token);
    waits.start(&loop);
    EXPECT_EQ(token.use_count(), 2);
  }
  EXPECT_EQ(token.use_count(), 1);
  EXPECT_EQ(loop.run(throws_later(loop)).error().object, "boom");  // the loop has forgotten that wait
}

TEST_P(Tasks, KnowTheLoopThatRunsThem) {
  const auto inner = []() -> Task<EventLoop*> {
    EventLoop& here = co_await EventLoop::current();
    co_return &here;
  };
  const auto outer = [&inner]() -> Task<EventLoop*> { co_return co_await inner(); };
  EXPECT_EQ(*loop.run(outer()), &loop);
}

}  // namespace
}  // namespace init::loop
