// Each call that an older kernel or a container's filter refuses has a way around it; the way around is
// tested by refusing.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>

#include "libinit/process/child_steps.h"
#include "tests/unit/pid1/harness.h"

namespace init::test {
namespace {

using channel::SlotState;

struct Refusal {
  const char* name;
  std::vector<int> calls;
  int error;
};

class Refused : public testing::TestWithParam<Refusal> {
 protected:
  static World world() {
    World world;
    world.refused = GetParam().calls;
    world.refused_errno = GetParam().error;
    return world;
  }
};

TEST_P(Refused, SpawnsSignalsReapsAndRestartsTheManagerAllTheSame) {
  Initd initd(world());
  for (std::uint32_t i = 0; i < 20; ++i) initd.manager().shell(i, "exit " + std::to_string(100 + i));
  initd.manager().shell(20, "exec sleep 1000");
  for (std::uint32_t i = 0; i < 20; ++i) {
    ASSERT_TRUE(initd.manager().until_state(i, SlotState::Exited)) << i;
    EXPECT_EQ(initd.manager().slot(i).exit_value, static_cast<int>(100 + i));
  }
  ASSERT_TRUE(initd.manager().until_state(20, SlotState::Running));
  initd.kill_manager();
  initd.next_manager();
  initd.manager().signal(20, SIGTERM);
  ASSERT_TRUE(initd.manager().until_state(20, SlotState::Exited));
  EXPECT_EQ(initd.manager().slot(20).exit_value, SIGTERM);
}

TEST_P(Refused, LetsGoOfPassedDescriptorsAllTheSame) {
  Initd initd(world());
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  process::PlanInput input = shell_plan("echo here >&9");
  input.passed = {{.index = 0, .target = 9}};
  initd.manager().spawn(0, input, {ends[1]});
  close(ends[1]);
  char text[16];
  EXPECT_EQ(read(ends[0], text, sizeof(text)), 5);
  EXPECT_EQ(read(ends[0], text, sizeof(text)), 0);
  close(ends[0]);
}

INSTANTIATE_TEST_SUITE_P(
    Calls, Refused,
    testing::Values(Refusal{"clone3_nosys", {SYS_clone3}, ENOSYS},
                    Refusal{"clone3_perm", {SYS_clone3}, EPERM},
                    Refusal{"pidfd_open_nosys", {SYS_pidfd_open}, ENOSYS},
                    Refusal{"pidfds", {SYS_pidfd_open, SYS_clone3, SYS_pidfd_send_signal}, ENOSYS},
                    Refusal{"close_range_nosys", {SYS_close_range}, ENOSYS},
                    Refusal{"close_range_perm", {SYS_close_range}, EPERM},
                    Refusal{
                        "all", {SYS_clone3, SYS_pidfd_open, SYS_pidfd_send_signal, SYS_close_range}, ENOSYS}),
    [](const auto& refusal) { return refusal.param.name; });

TEST(Fork, ThatIsRefusedForNowFailsTheSlotAndNothingElse) {
  World world;
  world.refused = {SYS_clone3};  // the manager is made by clone
  world.refused_errno = EAGAIN;
  Initd initd(world);
  const Manager& manager = initd.manager();
  const UniqueFd folder(open(initd.folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (std::uint32_t i = 0; i < 20; ++i) {
    // A full cgroup says the same: its limit is not to be gone around.
    manager.spawn(i, shell_plan("exit 0"), {folder.get()}, channel::kSpawnHasCgroup);
    ASSERT_TRUE(manager.until_state(i, SlotState::Failed));
    EXPECT_EQ(manager.slot(i).failed_step, static_cast<std::uint32_t>(process::ChildStep::Fork));
    EXPECT_EQ(manager.slot(i).failed_errno, EAGAIN);
    manager.acknowledge(i);
  }
  ASSERT_TRUE(manager.until_state(19, SlotState::Free));
  std::size_t open = 0;
  for ([[maybe_unused]] const auto& fd :
       std::filesystem::directory_iterator("/proc/" + std::to_string(initd.pid) + "/fd")) {
    ++open;
  }
  EXPECT_LT(open, 20U) << "refused spawns left descriptors behind";
}

TEST(Cgroup, IsJoinedByTheChildWhereCloneIntoItIsRefused) {
  Initd initd;
  const Manager& manager = initd.manager();
  const UniqueFd folder(open(initd.folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::string procs = initd.folder + "/procs";
  const UniqueFd file(open(procs.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  constexpr std::uint32_t kBoth = channel::kSpawnHasCgroup | channel::kSpawnHasCgroupProcs;
  manager.spawn(0, shell_plan("exit 6"), {folder.get(), file.get()},
                kBoth);  // a folder, but none of a cgroup
  ASSERT_TRUE(manager.until_state(0, SlotState::Exited));
  EXPECT_EQ(manager.slot(0).exit_value, 6);
  EXPECT_EQ(manager.slot(0).flags, channel::kSlotNoCgroup);
  EXPECT_EQ(read_file(procs), "0");
  manager.spawn(1, shell_plan("exit 6"), {folder.get()}, channel::kSpawnHasCgroup);
  ASSERT_TRUE(manager.until_state(1, SlotState::Failed));
  EXPECT_EQ(manager.slot(1).failed_step, static_cast<std::uint32_t>(process::ChildStep::Cgroup));
}

TEST(Cgroup, TakesTheChildFromBirth) {
  const std::string root =
      access("/sys/fs/cgroup/cgroup.procs", W_OK) == 0 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/unified";
  const std::string path = root + "/initd-test-" + std::to_string(getpid());
  if (mkdir(path.c_str(), 0755) != 0) GTEST_SKIP() << "no cgroup can be made here";
  {
    Initd initd;
    const Manager& manager = initd.manager();
    const UniqueFd folder(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    manager.spawn(0, shell_plan("exec sleep 1000"), {folder.get()}, channel::kSpawnHasCgroup);
    ASSERT_TRUE(manager.until_state(0, SlotState::Running));
    EXPECT_EQ(read_file(path + "/cgroup.procs"), std::to_string(manager.slot(0).pid) + "\n");
    EXPECT_EQ(manager.slot(0).flags, 0U);
    manager.signal(0, SIGKILL);
    ASSERT_TRUE(manager.until_state(0, SlotState::Exited));
    EXPECT_EQ(manager.slot(0).exit_value, SIGKILL);
  }
  rmdir(path.c_str());
}

class FewFiles : public testing::TestWithParam<unsigned> {};

TEST_P(FewFiles, StillRunAHundredServices) {
  World world;
  world.open_files = GetParam();
  Initd initd(world);
  const Manager& manager = initd.manager();
  for (std::uint32_t i = 0; i < 100; ++i) {
    manager.shell(i, "exec sleep 1000");
    ASSERT_TRUE(i % 10 != 9 || manager.until_state(i, SlotState::Running))
        << i << " " << manager.slot(i).failed_errno;
  }
  for (std::uint32_t i = 0; i < 100; ++i) ASSERT_TRUE(manager.until_state(i, SlotState::Running)) << i;
  for (std::uint32_t i = 0; i < 100; ++i) manager.signal(i, SIGKILL);
  for (std::uint32_t i = 0; i < 100; ++i) ASSERT_TRUE(manager.until_state(i, SlotState::Exited)) << i;
}

INSTANTIATE_TEST_SUITE_P(Limits, FewFiles, testing::Values(256U, 1024U, 1100U));

}  // namespace
}  // namespace init::test
