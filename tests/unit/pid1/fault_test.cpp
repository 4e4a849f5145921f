// A fault in PID 1: it goes on as the same process, with all it had.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/pid1/harness.h"
#include "tests/unit/pid1/stepwise.h"

namespace init::test {
namespace {

using channel::MessageType;
using channel::SlotState;

World container() {
  World world;
  world.new_pid_namespace = true;
  return world;
}

class Fault : public testing::TestWithParam<int> {};

TEST_P(Fault, LeavesServicesManagerStoreAndExitsAsTheyWere) {
  Initd initd(container());
  Manager& manager = initd.manager();
  static_cast<void>(manager.receive());  // Resumed
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  manager.store(9, 5, ends[1]);
  close(ends[1]);
  manager.shell(0, "exec sleep 1000");
  ASSERT_TRUE(manager.until_state(0, SlotState::Running));
  const std::int32_t service = manager.slot(0).pid;

  kill(initd.pid, GetParam());
  manager.shell(2, "exit 77");
  ASSERT_TRUE(manager.until_state(2, SlotState::Exited));
  EXPECT_EQ(manager.slot(2).exit_value, 77);
  EXPECT_EQ(manager.slot(0).pid, service);
  EXPECT_EQ(manager.slot(0).state, SlotState::Running);
  EXPECT_EQ(manager.facts.header().epoch, 1U);
  EXPECT_EQ(manager.facts.header().manager_restarts, 0U);
  EXPECT_NE(read_file(initd.folder + "/log").find("fault: signal"), std::string::npos);

  const channel::StoreBody body{.tag = 5, .kind = 9};
  manager.send({.type = MessageType::FetchFd, .body = channel::body_bytes(body)});
  EXPECT_EQ(manager.receive().fds().size(), 1U);
  manager.signal(0, SIGKILL);
  ASSERT_TRUE(manager.until_state(0, SlotState::Exited));
  initd.kill_manager();
  initd.next_manager();
  EXPECT_EQ(initd.manager().facts.header().epoch, 2U);
  initd.manager().shell(3, "test $(ulimit -Sn) = 20000 -a ! -e /proc/self/fd/3");
  ASSERT_TRUE(initd.manager().until_state(3, SlotState::Exited));
}

INSTANTIATE_TEST_SUITE_P(Signals, Fault, testing::Values(SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS));

TEST(FaultBetweenManagers, LeavesTheNextOneToTheNextSelf) {
  Initd initd(container());
  for (int death = 1; death <= 5; ++death) {
    initd.manager().link.reset();  // the fake manager exits; the fifth time nobody follows at once
    if (death < 5) initd.next_manager();
  }
  while (initd.manager().facts.header().manager_restarts < 5) sched_yield();
  kill(initd.pid, SIGSEGV);
  initd.next_manager();
  initd.manager().shell(0, "exit 3");
  ASSERT_TRUE(initd.manager().until_state(0, SlotState::Exited));
  EXPECT_NE(read_file(initd.folder + "/log").find("fault: signal"), std::string::npos);
}

TEST(Ladder, TheThirdWithinAMinuteIsTheEndOfAContainer) {
  Initd initd(container());
  initd.manager().shell(2, "exit 1");  // a fault while PID 1 still starts this manager costs it a new one
  ASSERT_TRUE(initd.manager().until_state(2, SlotState::Exited));
  for (std::uint32_t i = 0; i < 2; ++i) {
    kill(initd.pid, SIGSEGV);
    initd.manager().shell(i, "exit 1");
    ASSERT_TRUE(initd.manager().until_state(i, SlotState::Exited));
  }
  kill(initd.pid, SIGSEGV);
  const int status = initd.wait();
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 70);
}

// An end and a spawn, with a fault after so many stops. False: all was done before.
bool survives_fault_at(int stops) {
  EndAndSpawn work;
  for (int stop = 0; stop < stops && !work.done(); ++stop) work.to_next_stop();
  const bool all = work.done();
  fault_at_stop(work.initd.pid);
  work.expect_both("at stop " + std::to_string(stops));
  return !all;
}

TEST(FaultAtEachSystemCall, LosesNeitherAnExitNorASpawn) {
  int stops = 1;
  while (survives_fault_at(stops) && !HasFailure()) ++stops;
  EXPECT_GT(stops, 20);
}

bool waits(pid_t pid) {
  __ptrace_syscall_info info{};
  ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info);
  const auto is = [&](int number) { return info.entry.nr == static_cast<std::uint64_t>(number); };
  return info.op == PTRACE_SYSCALL_INFO_ENTRY &&
         (is(SYS_epoll_wait) || is(SYS_epoll_pwait) || is(SYS_epoll_pwait2));
}

// One that was started just before may have no channel; it ends then, and another one comes.
void expect_told_manager(Initd& initd, const std::string& where) {
  pollfd word{};
  do {
    initd.next_manager();
    word = {initd.manager().socket.get(), POLLIN, 0};
    ASSERT_EQ(poll(&word, 1, 100'000), 1) << where;
  } while ((word.revents & POLLHUP) != 0);
  EXPECT_EQ(initd.manager().receive().header().type, MessageType::Resumed) << where;
}

// The start of a manager in the place of one that was killed, with a fault after so many stops. False: all
// was done before.
bool replaces_manager_with_fault_at(int stops) {
  Initd initd(container());
  static_cast<void>(initd.manager().receive());  // Resumed
  EXPECT_EQ(ptrace(PTRACE_SEIZE, initd.pid, nullptr, PTRACE_O_TRACESYSGOOD), 0);
  EXPECT_EQ(ptrace(PTRACE_INTERRUPT, initd.pid, nullptr, nullptr), 0);
  waitpid(initd.pid, nullptr, __WALL);
  initd.kill_manager();
  await_state(initd.manager().pid, 'Z');
  const std::string where = "at stop " + std::to_string(stops);
  bool all = false;
  while (stops > 0 && !all) {
    ptrace(PTRACE_SYSCALL, initd.pid, nullptr, nullptr);
    waitpid(initd.pid, nullptr, __WALL);
    const bool began = initd.manager().facts.header().epoch == 2;
    if (began) --stops;
    all = began && waits(initd.pid);
  }
  fault_at_stop(initd.pid);
  expect_told_manager(initd, where);
  return !all;
}

// One that is not told that it may begin would wait until it counts as one that hangs.
TEST(FaultAtEachSystemCall, LeavesNoManagerThatIsNotTold) {
  int stops = 1;
  while (replaces_manager_with_fault_at(stops) && !HasFailure()) ++stops;
  EXPECT_GT(stops, 20);
}

// A request that was in hand is the manager's to repeat; it is told so by being replaced.
TEST(FaultUnderLoad, AtAnyMomentLosesNoExit) {
  for (std::uint32_t round = 0; round < 10; ++round) {
    Initd initd(container());
    const auto spawn_from = [&](std::uint32_t first) {
      for (std::uint32_t i = first; i < 60; ++i) {
        initd.manager().shell(i, "exit " + std::to_string(i + 1));
        if (first == 0 && i == 10 + round) kill(initd.pid, SIGSEGV);
      }
    };
    spawn_from(0);
    for (std::uint32_t i = 0; i < 60; ++i) {
      while (!initd.manager().until_state(i, SlotState::Exited)) {
        ASSERT_FALSE(initd.manager().alive()) << i;
        initd.next_manager();
        spawn_from(i == 0 ? 1 : i);
        if (i == 0) initd.manager().shell(0, "exit 1");
      }
      EXPECT_EQ(initd.manager().slot(i).exit_value, static_cast<int>(i + 1));
    }
  }
}

}  // namespace
}  // namespace init::test
