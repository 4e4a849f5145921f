#include "libinit/loop/reaper.h"

#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <set>

#include "libinit/process/command.h"
#include "tests/support/fake_kernel.h"
#include "tests/unit/loop/backends.h"

namespace init::loop {
namespace {

using process::ExitStatus;
using Kind = ExitStatus::Kind;

template <class Body>
pid_t child_that(Body body) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    body();
    ::_exit(0);
  }
  return pid;
}

class Reaping : public OnEveryBackend {
 protected:
  static Task<Reaped> next(Reaper& reaper) { co_return co_await reaper.next(); }
};
INIT_ON_EVERY_BACKEND(Reaping);

TEST_P(Reaping, GivesEachChildWithItsStatus) {
  Reaper reaper = std::move(*Reaper::create());
  const pid_t exits = child_that([] { ::_exit(3); });
  const auto first = loop.run(next(reaper));
  EXPECT_EQ(first->pid.raw(), exits);
  EXPECT_EQ(first->status, (ExitStatus{Kind::Exited, 3}));
  const pid_t dies = child_that([] { ::raise(SIGTERM); });
  const auto second = loop.run(next(reaper));
  EXPECT_EQ(second->pid.raw(), dies);
  EXPECT_EQ(second->status, (ExitStatus{Kind::Signaled, SIGTERM}));
}

// Rows 37 and 65: the kernel gives one SIGCHLD for many ends at once.
TEST_P(Reaping, FindsFiveHundredThatEndAtOnce) {
  Reaper reaper = std::move(*Reaper::create());
  std::array<int, 2> gate{};
  ASSERT_EQ(::pipe(gate.data()), 0);
  std::set<pid_t> living;
  for (int i = 0; i < 500; ++i) {
    living.insert(child_that([&gate] {
      ::close(gate[1]);
      char byte = 0;
      static_cast<void>(!::read(gate[0], &byte, 1));
    }));
  }
  ::close(gate[0]);
  ::close(gate[1]);  // all of them end
  const auto reaps_all = [](Reaper& from, std::set<pid_t>& left) -> Task<> {
    while (!left.empty()) {
      const Reaped one = co_await co_await from.next();
      EXPECT_EQ(left.erase(one.pid.raw()), 1U);
    }
  };
  ASSERT_TRUE(loop.run(reaps_all(reaper, living)));
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

// Row 69: no child at all is a normal case, for now.
TEST_P(Reaping, WaitsWhileThereIsNoChild) {
  Reaper reaper = std::move(*Reaper::create());
  pid_t late = 0;
  loop.spawn([](EventLoop& on, pid_t& pid) -> Task<> {
    co_await on.sleep(std::chrono::milliseconds(3));
    pid = child_that([] { ::_exit(7); });
  }(loop, late));
  const auto reaped = loop.run(next(reaper));
  EXPECT_EQ(reaped->pid.raw(), late);
}

// Row 69: news of a child that somebody else has reaped.
TEST_P(Reaping, IsNotMisledByTheNewsOfAChildThatIsGone) {
  Reaper reaper = std::move(*Reaper::create());
  const pid_t gone = child_that([] {});
  ASSERT_EQ(::waitpid(gone, nullptr, 0), gone);
  loop.spawn([](EventLoop& on) -> Task<> {
    co_await on.sleep(std::chrono::milliseconds(3));
    child_that([] { ::_exit(8); });
  }(loop));
  EXPECT_EQ(loop.run(next(reaper))->status, (ExitStatus{Kind::Exited, 8}));
}

// Row 69: whatever waitid(2) may answer.
TEST_P(Reaping, TakesInterruptionsAsNormalAndGivesTrueErrorsAsValues) {
  Reaper reaper = std::move(*Reaper::create());
  const pid_t child = child_that([] { ::_exit(6); });
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), nullptr, WEXITED | WNOWAIT), 0);
  sys::testing::FakeKernel kernel;
  kernel.refuse(SYS_waitid, EINVAL);
  const auto refused = loop.run(next(reaper));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().text(), "wait for a child: Invalid argument");
  kernel.refuse(SYS_waitid, EINTR, 5);
  EXPECT_EQ(loop.run(next(reaper))->pid.raw(), child);
}

// Row 37: orphans of others come home to the one who adopts them.
TEST_P(Reaping, AdoptsOrphans) {
  const pid_t tester = child_that([] {
    Reaper reaper = std::move(*Reaper::create({.adopt = true}));
    const pid_t parent = child_that([] {
      for (int i = 0; i < 20; ++i) child_that([] { ::_exit(5); });
      ::_exit(1);
    });
    EventLoop own(GetParam().create());
    const auto counts = [](Reaper& from, pid_t of) -> Task<int> {
      int orphans = 0;
      bool parent_seen = false;
      while (orphans < 20 || !parent_seen) {
        const Reaped one = co_await co_await from.next();
        if (one.pid.raw() == of) parent_seen = true;
        orphans += one.status == ExitStatus{Kind::Exited, 5} ? 1 : 0;
      }
      co_return orphans;
    };
    ::_exit(own.run(counts(reaper, parent)).value_or(99));
  });
  int status = 0;
  ASSERT_EQ(::waitpid(tester, &status, 0), tester);
  EXPECT_EQ(WEXITSTATUS(status), 20);
}

class Children : public OnEveryBackend {
 protected:
  static process::Child spawn(const std::string& script) {
    return std::move(*process::Command("/bin/sh").arg("-c").arg(script).spawn());
  }
};
INIT_ON_EVERY_BACKEND(Children);

// Row 67.
TEST_P(Children, AreAwaited) {
  process::Child child = spawn("kill -STOP $$; exit 4");
  loop.spawn([](EventLoop& on, process::Child& stopped) -> Task<> {
    co_await on.sleep(std::chrono::milliseconds(20));
    EXPECT_TRUE(stopped.signal(SIGCONT));
  }(loop, child));
  const auto waits = [](process::Child& for_it) -> Task<ExitStatus> { co_return co_await for_it.exited(); };
  const auto status = loop.run(waits(child));
  ASSERT_TRUE(status) << status.error().text();
  EXPECT_EQ(*status, (ExitStatus{Kind::Exited, 4}));
  EXPECT_EQ(*loop.run(loop.exited(child)), *status);  // asked again
}

TEST_P(Children, ThatWereReapedByOthersAreAnError) {
  process::Child child = spawn("exit 0");
  ASSERT_EQ(::waitpid(child.pid().raw(), nullptr, 0), child.pid().raw());
  EXPECT_EQ(loop.run(loop.exited(child)).error().code, ECHILD);
}

}  // namespace
}  // namespace init::loop
