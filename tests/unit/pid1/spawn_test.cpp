// Spawning through the real initd: what the facts say of children that run, fail, end.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <memory>

#include "libinit/process/child_steps.h"
#include "tests/unit/pid1/harness.h"

namespace init::test {
namespace {

using channel::SlotState;
using process::ChildStep;

TEST(Spawn, RunsAProgramAndRecordsItsExit) {
  Initd initd;
  const Manager& manager = initd.manager();
  manager.shell(3, "exit 42");
  ASSERT_TRUE(manager.until_state(3, SlotState::Exited));
  const channel::Slot slot = manager.slot(3);
  EXPECT_EQ(slot.exit_kind, 1U);
  EXPECT_EQ(slot.exit_value, 42);
  EXPECT_EQ(slot.tag, 1003U);
  EXPECT_EQ(slot.attempt, 1U);
  EXPECT_EQ(slot.role, 7U);
  EXPECT_GT(slot.pid, 0);
  EXPECT_EQ(slot.pid, manager.facts.pid(3));
  EXPECT_GE(slot.ended_ns, slot.started_ns);
  EXPECT_GT(slot.peak_kib, 0U);
  manager.acknowledge(3);
  ASSERT_TRUE(manager.until_state(3, SlotState::Free));
}

TEST(Spawn, SaysRunningOnlyAfterExec) {
  Initd initd;
  const Manager& manager = initd.manager();
  manager.shell(0, "exec sleep 1000");
  ASSERT_TRUE(manager.until_state(0, SlotState::Running));
  manager.signal(0, SIGKILL);
  ASSERT_TRUE(manager.until_state(0, SlotState::Exited));
  EXPECT_EQ(manager.slot(0).exit_kind, 2U);
  EXPECT_EQ(manager.slot(0).exit_value, SIGKILL);
}

TEST(Spawn, NamesTheStepThatFailed) {
  Initd initd;
  const Manager& manager = initd.manager();
  process::PlanInput missing = shell_plan("");
  missing.program = "/does/not/exist";
  manager.spawn(1, missing);
  process::PlanInput nowhere = shell_plan("exit 0");
  nowhere.working_directory = "/does/not/exist";
  manager.spawn(2, nowhere);
  ASSERT_TRUE(manager.until_state(1, SlotState::Failed));
  ASSERT_TRUE(manager.until_state(2, SlotState::Failed));
  EXPECT_EQ(manager.slot(1).failed_step, static_cast<std::uint32_t>(ChildStep::Exec));
  EXPECT_EQ(manager.slot(1).failed_errno, ENOENT);
  EXPECT_EQ(manager.slot(2).failed_step, static_cast<std::uint32_t>(ChildStep::WorkingDirectory));
}

TEST(Spawn, IgnoresASlotThatIsNotFree) {
  Initd initd;
  const Manager& manager = initd.manager();
  manager.shell(0, "exec sleep 1000", 1);
  ASSERT_TRUE(manager.until_state(0, SlotState::Running));
  const std::int32_t pid = manager.slot(0).pid;
  manager.shell(0, "exit 5", 2);
  manager.shell(1, "exit 0");
  ASSERT_TRUE(manager.until_state(1, SlotState::Exited));
  EXPECT_EQ(manager.slot(0).pid, pid);
  EXPECT_EQ(manager.slot(0).attempt, 1U);
}

TEST(Spawn, RefusesAPlanThatIsNotWellFormed) {
  Initd initd;
  const Manager& manager = initd.manager();
  const channel::SpawnBody body{.slot = 4, .attempt = 1};
  const std::vector<std::byte> junk(400, std::byte{0x5a});
  manager.send({.type = channel::MessageType::Spawn, .body = channel::body_bytes(body), .payload = junk});
  ASSERT_TRUE(manager.until_state(4, SlotState::Failed));
  EXPECT_EQ(manager.slot(4).failed_step, static_cast<std::uint32_t>(ChildStep::Fork));
  EXPECT_EQ(manager.slot(4).failed_errno, EINVAL);
}

TEST(Spawn, TakesALargePlanOnlyFromASealedMemfd) {
  Initd initd;
  const Manager& manager = initd.manager();
  process::PlanInput input = shell_plan("test ${#BIG} = 100000");
  input.environment = {"BIG=" + std::string(100000, 'x')};
  const auto plan = process::encode_plan(input);
  ASSERT_TRUE(plan);
  const UniqueFd memory(memfd_create("plan", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(write(memory.get(), plan->data(), plan->size()), static_cast<ssize_t>(plan->size()));
  const auto send = [&](std::uint32_t slot) {
    const channel::SpawnBody body{.slot = slot, .attempt = 1, .flags = channel::kSpawnPlanInMemfd};
    const int fd = memory.get();
    manager.send({.type = channel::MessageType::Spawn, .body = channel::body_bytes(body), .fds = {&fd, 1}});
  };
  send(0);
  ASSERT_TRUE(manager.until_state(0, SlotState::Failed));
  ASSERT_EQ(fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), 0);
  send(1);
  ASSERT_TRUE(manager.until_state(1, SlotState::Exited));
  EXPECT_EQ(manager.slot(1).exit_value, 0);
}

TEST(Spawn, PassesDescriptorsAndKeepsNoneOfThem) {
  Initd initd;
  const Manager& manager = initd.manager();
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  process::PlanInput input = shell_plan("echo hello >&5");
  input.passed = {{.index = 0, .target = 5}};
  manager.spawn(0, input, {ends[1]});
  close(ends[1]);
  std::string text;
  char bytes[64];
  // The read ends only when initd, too, has let go of the write end.
  for (ssize_t got = 0; (got = read(ends[0], bytes, sizeof(bytes))) > 0;)
    text.append(bytes, static_cast<std::size_t>(got));
  close(ends[0]);
  EXPECT_EQ(text, "hello\n");
  EXPECT_TRUE(manager.until_state(0, SlotState::Exited));
}

TEST(Spawn, GivesAServiceTheLimitThatInitdItselfHadAtItsStart) {
  World setup;
  setup.open_files = 3000;
  setup.open_files_hard = 5000;
  Initd initd(setup);
  const Manager& manager = initd.manager();
  manager.shell(0, "test $(ulimit -Sn) = 3000");
  ASSERT_TRUE(manager.until_state(0, SlotState::Exited));
  EXPECT_EQ(manager.slot(0).exit_value, 0);
}

TEST(Spawn, InheritsNothingByAccident) {
  Initd initd;
  const Manager& manager = initd.manager();
  const std::string list = initd.folder + "/fds";
  manager.shell(0, "exit 0");
  process::PlanInput input = shell_plan("ls -l /proc/self/fd >" + list);
  manager.spawn(1, input);
  ASSERT_TRUE(manager.until_state(1, SlotState::Exited));
  const std::string seen = read_file(list);
  EXPECT_EQ(std::count(seen.begin(), seen.end(), '\n'), 5) << seen;  // total, 0, 1, 2 and the folder itself
}

// A program that cannot be opened for writing or executing as long as this object lives: execve waits for it.
class BlockedProgram {
 public:
  explicit BlockedProgram(const std::string& path) {
    std::filesystem::copy_file("/bin/sh", path);
    signal(SIGIO, SIG_IGN);  // the kernel's word that somebody waits
    lease_.reset(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    EXPECT_EQ(fcntl(lease_.get(), F_SETLEASE, F_WRLCK), 0);
  }

 private:
  UniqueFd lease_;
};

class HungChild : public testing::TestWithParam<std::vector<int>> {};

TEST_P(HungChild, DelaysNeitherTheRunningNorThePipesOfOthers) {
  World setup;
  setup.refused = GetParam();
  Initd initd(setup);
  const Manager& manager = initd.manager();
  const BlockedProgram blocked(initd.folder + "/blocked");
  process::PlanInput hung = shell_plan("");
  hung.program = initd.folder + "/blocked";
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  // In one turn, so that all three have the descriptors of all.
  initd.stop();
  manager.shell(0, "exec sleep 1000");
  manager.spawn(1, shell_plan("exit 0"), {ends[1]});
  manager.spawn(2, hung);
  initd.go_on();
  close(ends[1]);
  EXPECT_TRUE(manager.until_state(0, SlotState::Running));
  EXPECT_TRUE(manager.until_state(1, SlotState::Exited));
  pollfd end{ends[0], POLLIN, 0};
  EXPECT_EQ(poll(&end, 1, 5000), 1) << "somebody still holds the other end";
  EXPECT_EQ(manager.slot(2).state, SlotState::Spawning);
  close(ends[0]);
  manager.signal(2, SIGKILL);
  EXPECT_TRUE(manager.until_state(2, SlotState::Exited));
}

INSTANTIATE_TEST_SUITE_P(Refused, HungChild,
                         testing::Values(std::vector<int>{}, std::vector<int>{SYS_close_range}));

// More of them than have an area of their own in shared memory (daemon/pid1/spawn.cpp).
TEST(HungChildren, OfAnyNumberKeepTheirOrdersAndSeeNothingOfPid1) {
  constexpr std::uint32_t kHung = 20;
  constexpr std::uint32_t kAll = 40;
  Initd initd;
  const Manager& manager = initd.manager();
  auto blocked = std::make_unique<BlockedProgram>(initd.folder + "/blocked");
  for (std::uint32_t i = 0; i < kHung; ++i) {
    process::PlanInput hung = shell_plan("exit " + std::to_string(i));
    hung.program = initd.folder + "/blocked";
    manager.spawn(i, hung);
  }
  for (std::uint32_t i = kHung; i < kAll; ++i) manager.shell(i, "exit " + std::to_string(i));
  for (std::uint32_t i = kHung; i < kAll; ++i) {
    ASSERT_TRUE(manager.until_state(i, SlotState::Exited)) << i;
    EXPECT_EQ(manager.slot(i).exit_value, static_cast<int>(i));
  }
  for (const std::uint32_t i : {0U, kHung - 1}) {
    EXPECT_EQ(manager.slot(i).state, SlotState::Spawning);
    const std::string maps = read_file("/proc/" + std::to_string(manager.slot(i).pid) + "/maps");
    EXPECT_NE(maps.find("/initd"), std::string::npos) << maps;
    EXPECT_EQ(maps.find("initd-facts"), std::string::npos) << maps;
#ifndef __SANITIZE_ADDRESS__  // which looks at a child's variables (daemon/pid1/memory.cpp)
    EXPECT_EQ(maps.find("[stack]"), std::string::npos) << maps;
#endif
  }
  blocked.reset();
  for (std::uint32_t i = 0; i < kHung; ++i) {
    ASSERT_TRUE(manager.until_state(i, SlotState::Exited)) << i;
    EXPECT_EQ(manager.slot(i).exit_value, static_cast<int>(i));
  }
}

TEST(Signal, IsForOneAttemptOnly) {
  Initd initd;
  const Manager& manager = initd.manager();
  const std::string ready = initd.folder + "/ready";
  manager.shell(0, "trap 'exit 5' TERM; echo >" + ready + "; sleep 1000 & wait");
  while (read_file(ready).empty()) sched_yield();
  manager.signal(0, SIGKILL, 77);  // nothing would stand against this one
  manager.signal(0, SIGTERM);
  ASSERT_TRUE(manager.until_state(0, SlotState::Exited));
  EXPECT_EQ(manager.slot(0).exit_kind, 1U);
  EXPECT_EQ(manager.slot(0).exit_value, 5);
}

TEST(Signal, AndAcknowledgementsComeInListsThatMayEndInTheMiddle) {
  Initd initd;
  const Manager& manager = initd.manager();
  std::vector<channel::Signal> signals;
  std::vector<channel::Ended> ended;
  for (std::uint32_t i = 0; i < 100; ++i) {
    manager.shell(i, "exec sleep 1000");
    signals.push_back({.slot = i, .attempt = i == 50 ? 2U : 1U, .signal = i % 2 == 0 ? SIGTERM : SIGKILL});
    ended.push_back({.slot = i, .attempt = 1});
  }
  manager.shell(100, "exec sleep 1000");
  for (std::uint32_t i = 0; i <= 100; ++i) ASSERT_TRUE(manager.until_state(i, SlotState::Running));
  signals.push_back({.slot = 100, .attempt = 1, .signal = SIGKILL});
  const auto bytes = std::as_bytes(std::span(signals));
  manager.send({.type = channel::MessageType::Signal, .payload = bytes.first(bytes.size() - 1)});
  for (std::uint32_t i = 0; i < 100; ++i) {
    ASSERT_TRUE(i == 50 || manager.until_state(i, SlotState::Exited)) << i;
    EXPECT_EQ(manager.slot(i).exit_value, i == 50 ? 0 : i % 2 == 0 ? SIGTERM : SIGKILL);
  }
  manager.send({.type = channel::MessageType::Acknowledge, .payload = std::as_bytes(std::span(ended))});
  for (std::uint32_t i = 0; i < 100; ++i)
    ASSERT_TRUE(i == 50 || manager.until_state(i, SlotState::Free)) << i;
  for (const std::uint32_t i : {50U, 100U}) EXPECT_EQ(manager.slot(i).state, SlotState::Running);
}

}  // namespace
}  // namespace init::test
