// Ends: none is lost, none is wrong, none waits; whoever the parent was.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <sstream>

#include "tests/unit/pid1/harness.h"

namespace init::test {
namespace {

using channel::SlotState;

World container() {
  World world;
  world.new_pid_namespace = true;
  return world;
}

bool all_in(const Manager& manager, std::uint32_t count, SlotState state) {
  for (std::uint32_t i = 0; i < count; ++i) {
    if (manager.slot(i).state != state) return false;
  }
  return true;
}

process::PlanInput program(const std::vector<std::string>& words) {
  process::PlanInput input;
  input.program = words[0];
  input.arguments = words;
  return input;
}

// Starts so many, a few at a time: a thousand that begin together would only wait for each other.
template <class Plan>
void run_all(const Manager& manager, std::uint32_t count, Plan plan) {
  constexpr std::uint32_t kAtOnce = 20;
  for (std::uint32_t i = 0; i < count; ++i) {
    manager.spawn(i, plan(i));
    if (i % kAtOnce != kAtOnce - 1) continue;
    ASSERT_TRUE(manager.until([&] { return all_in(manager, i + 1, SlotState::Running); }));
  }
}

// How long the only thread of a process was ready to run but another had its processor: proc(5), schedstat.
std::chrono::nanoseconds kept_waiting(pid_t pid) {
  std::istringstream schedstat(read_file("/proc/" + std::to_string(pid) + "/schedstat"));
  std::int64_t ran = 0;
  std::int64_t waited = 0;
  schedstat >> ran >> waited;
  return std::chrono::nanoseconds(waited);
}

TEST(Reap, LeavesNoZombieOfFiveThousandOrphansBesideAThousandServices) {
  Initd initd(container());
  const Manager& manager = initd.manager();
  run_all(manager, 1000, [](std::uint32_t) { return program({"/bin/sleep", "1000"}); });
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  process::PlanInput storm = program({FAKE_MANAGER, "orphans", "5000"});  // they all end with their parent
  storm.passed = {{.index = 0, .target = 5}};
  manager.spawn(1000, storm, {ends[1]});
  close(ends[1]);
  char last = 0;
  EXPECT_EQ(read(ends[0], &last, 1), 0);  // nobody lives who held the other end
  close(ends[0]);
  const auto waited = [&] { return kept_waiting(initd.pid) + kept_waiting(getpid()); };
  const auto begin = std::chrono::steady_clock::now() - waited();
  EXPECT_TRUE(manager.until([&] { return manager.facts.header().orphans_reaped >= 5000; }));
  EXPECT_LT(std::chrono::steady_clock::now() - waited() - begin, std::chrono::seconds(1));
  EXPECT_TRUE(all_in(manager, 1000, SlotState::Running));
}

TEST(Reap, RecordsFiveHundredExitsThatHappenedWhileItWasStopped) {
  Initd initd;
  const Manager& manager = initd.manager();
  const std::string gate = initd.folder + "/gate";
  ASSERT_EQ(mkfifo(gate.c_str(), 0600), 0);
  const UniqueFd hold(open(gate.c_str(), O_RDWR | O_CLOEXEC));
  run_all(manager, 500, [&](std::uint32_t i) {
    const std::string end =
        i < 256 ? "exit " + std::to_string(i) : "kill -" + std::to_string(i % 2 == 0 ? 9 : 15) + " $$";
    return shell_plan("read line <" + gate + "; " + end);
  });
  initd.stop();
  const std::string lines(500, '\n');
  ASSERT_EQ(write(hold.get(), lines.data(), lines.size()), 500);
  for (std::uint32_t i = 0; i < 500; ++i) await_state(manager.facts.pid(i), 'Z');
  initd.go_on();
  ASSERT_TRUE(manager.until([&] { return all_in(manager, 500, SlotState::Exited); }));
  for (std::uint32_t i = 0; i < 500; ++i) {
    const channel::Slot slot = manager.slot(i);
    EXPECT_EQ(slot.exit_kind, i < 256 ? 1U : 2U) << i;
    EXPECT_EQ(slot.exit_value, i < 256 ? static_cast<int>(i) : i % 2 == 0 ? 9 : 15) << i;
  }
}

TEST(Reap, AdoptsOrphansEvenWhereItIsNotPid1) {
  Initd initd;
  const Manager& manager = initd.manager();
  manager.spawn(0, program({FAKE_MANAGER, "orphans", "50"}));
  EXPECT_TRUE(manager.until([&] { return manager.facts.header().orphans_reaped >= 50; }));
  EXPECT_EQ(manager.facts.header().environment, channel::Environment::Process);
}

// Then children are found by waitid(P_ALL), where the first that ended hides the others.
TEST(Reap, FindsOrphansAndEndsWithoutTheKernelsListOfChildren) {
  World world = container();
  world.own_proc = false;
  Initd initd(world);
  const std::string gate = initd.folder + "/gate";
  ASSERT_EQ(mkfifo(gate.c_str(), 0600), 0);
  const UniqueFd hold(open(gate.c_str(), O_RDWR | O_CLOEXEC));
  for (std::uint32_t i = 0; i < 50; ++i) initd.manager().shell(i, "read line <" + gate + "; exit 5");
  ASSERT_TRUE(initd.manager().until([&] { return all_in(initd.manager(), 50, SlotState::Running); }));
  initd.manager().spawn(50, program({FAKE_MANAGER, "orphans", "1000"}));
  EXPECT_TRUE(initd.manager().until([&] { return initd.manager().facts.header().orphans_reaped >= 1000; }));
  EXPECT_TRUE(initd.manager().until_state(50, SlotState::Exited));
  EXPECT_TRUE(all_in(initd.manager(), 50, SlotState::Running));

  // The manager, the oldest child, ends together with services and orphans.
  initd.manager().spawn(51, program({FAKE_MANAGER, "orphans", "100"}));
  initd.stop();
  const std::string lines(50, '\n');
  ASSERT_EQ(write(hold.get(), lines.data(), lines.size()), 50);
  initd.kill_manager();
  initd.go_on();
  initd.next_manager();
  const Manager& next = initd.manager();
  EXPECT_TRUE(next.until([&] { return all_in(next, 50, SlotState::Exited); }));
  for (std::uint32_t i = 0; i < 50; ++i) EXPECT_EQ(next.slot(i).exit_value, 5);
  EXPECT_TRUE(next.until([&] { return next.facts.header().orphans_reaped >= 1100; }));
  next.finish(1000, 4);
  EXPECT_EQ(WEXITSTATUS(initd.wait()), 4);
}

TEST(Reap, WatchesAProcessThatAnotherOneLeftBehind) {
  Initd initd(container());
  const Manager& manager = initd.manager();
  const std::string pid_file = initd.folder + "/pid";
  manager.shell(0, "(read x </proc/self/nothing; exec sleep 1000) & echo $! >" + pid_file);
  ASSERT_TRUE(manager.until_state(0, SlotState::Exited));
  const int pid = std::stoi(read_file(pid_file));
  const channel::WatchBody body{.tag = 5, .slot = 1, .attempt = 2, .role = 3, .pid = pid};
  manager.send({.type = channel::MessageType::Watch, .body = channel::body_bytes(body)});
  ASSERT_TRUE(manager.until_state(1, SlotState::Running));
  manager.signal(1, SIGKILL, 2);
  ASSERT_TRUE(manager.until_state(1, SlotState::Exited));
  EXPECT_EQ(manager.slot(1).exit_value, SIGKILL);
  EXPECT_EQ(manager.slot(1).flags, channel::kSlotWatched);
}

TEST(Reap, KnowsTheEndOfAnOrphanThatIsWatchedTooLate) {
  Initd initd(container());
  const Manager& manager = initd.manager();
  const std::string pid_file = initd.folder + "/pid";
  // It ends only when its parent is gone, so that no shell reaps it first.
  manager.shell(
      0, "(while kill -0 $$ 2>/dev/null; do :; done; exit 33) & echo $! >" + pid_file + "; exec sleep 0");
  ASSERT_TRUE(manager.until_state(0, SlotState::Exited));
  ASSERT_TRUE(manager.until([&] { return manager.facts.header().orphans_reaped == 1; }));
  const auto watch = [&](std::uint32_t slot, int pid) {
    const channel::WatchBody body{.slot = slot, .attempt = 1, .pid = pid};
    manager.send({.type = channel::MessageType::Watch, .body = channel::body_bytes(body)});
  };
  watch(1, std::stoi(read_file(pid_file)));
  watch(2, 4000000);
  ASSERT_TRUE(manager.until_state(1, SlotState::Exited));
  ASSERT_TRUE(manager.until_state(2, SlotState::Exited));
  EXPECT_EQ(manager.slot(1).exit_value, 33);
  EXPECT_EQ(manager.slot(2).flags, channel::kSlotWatched | channel::kSlotUncertain);
}

TEST(Finish, EndsEverythingAndExitsWithTheCode) {
  Initd initd(container());
  const Manager& manager = initd.manager();
  manager.shell(0, "trap '' TERM; while :; do sleep 1000; done");
  manager.shell(1, "setsid sleep 1000 & exec sleep 1000");
  ASSERT_TRUE(manager.until_state(0, SlotState::Running));
  ASSERT_TRUE(manager.until_state(1, SlotState::Running));
  manager.finish(200, 17);
  const int status = initd.wait();
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 17);
}

TEST(Finish, AsksDescendantsInOtherSessionsToEndAndNobodyElse) {
  const pid_t bystander = fork();  // in the session and group of initd
  if (bystander == 0) {
    execl("/bin/sleep", "sleep", "1000", nullptr);
    _exit(1);
  }
  Initd initd;
  const Manager& manager = initd.manager();
  const std::string file = initd.folder + "/seen";
  manager.shell(0, "setsid sh -c 'trap \"echo TERM >>" + file + "; exit\" TERM; echo ready >" + file +
                       "; while :; do sleep 1; done' & trap '' TERM; wait");
  while (read_file(file).empty()) sched_yield();
  manager.finish(1500, 3);
  EXPECT_EQ(WEXITSTATUS(initd.wait()), 3);
  EXPECT_EQ(read_file(file), "ready\nTERM\n");
  EXPECT_EQ(waitpid(bystander, nullptr, WNOHANG), 0);
  kill(bystander, SIGKILL);
  waitpid(bystander, nullptr, 0);
}

TEST(Finish, ReachesDaemonsThatLeftTheirSessionWhereItIsNotPid1) {
  Initd initd;
  const Manager& manager = initd.manager();
  const std::string pid_file = initd.folder + "/pid";
  manager.shell(0, "setsid sh -c 'trap \"\" TERM; echo $$ >" + pid_file + "; exec sleep 1000' & wait");
  ASSERT_TRUE(manager.until_state(0, SlotState::Running));
  while (read_file(pid_file).empty()) sched_yield();
  const int pid = std::stoi(read_file(pid_file));
  manager.finish(100, 3);
  EXPECT_EQ(WEXITSTATUS(initd.wait()), 3);
  EXPECT_EQ(kill(pid, 0), -1);
}

}  // namespace
}  // namespace init::test
