// initd executes itself anew because it is asked to: what runs stays, and so does initd where the kernel
// refuses.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>

#include "tests/unit/pid1/harness.h"

namespace init::test {
namespace {

using channel::MessageType;
using channel::SlotState;

// Its bytes in a memfd of their own.
UniqueFd copy_of(const char* program) {
  const UniqueFd from(open(program, O_RDONLY | O_CLOEXEC));
  UniqueFd to(memfd_create("copy", MFD_CLOEXEC));
  while (sendfile(to.get(), from.get(), nullptr, 1U << 20) > 0) {
  }
  return to;
}

ino_t inode(int fd) {
  struct stat status {};
  EXPECT_EQ(fstat(fd, &status), 0);
  return status.st_ino;
}

ino_t inode_of_program(pid_t pid) {
  const UniqueFd program(open(("/proc/" + std::to_string(pid) + "/exe").c_str(), O_PATH | O_CLOEXEC));
  return inode(program.get());
}

World container() {
  World world;
  world.new_pid_namespace = true;
  return world;
}

// As the manager asks for it, and with a service that runs and one that has ended.
class Renewal : public testing::Test {
 protected:
  void SetUp() override {
    (void)manager_.receive();  // Resumed
    manager_.shell(0, "exec sleep 1000");
    manager_.shell(1, "exit 7");
    ASSERT_TRUE(manager_.until_state(0, SlotState::Running));
    ASSERT_TRUE(manager_.until_state(1, SlotState::Exited));
    service_ = manager_.slot(0).pid;
  }

  void expect_all_as_before() {
    const std::uint32_t slot = next_slot_++;
    manager_.shell(slot, "exit 77");
    ASSERT_TRUE(manager_.until_state(slot, SlotState::Exited));
    EXPECT_EQ(manager_.slot(slot).exit_value, 77);
    EXPECT_EQ(manager_.slot(0).pid, service_);
    EXPECT_EQ(manager_.slot(0).state, SlotState::Running);
    EXPECT_EQ(manager_.slot(1).exit_value, 7);
    EXPECT_EQ(manager_.facts.header().manager_restarts, 0U);
  }

  Initd initd_{container()};
  Manager& manager_ = initd_.manager();
  std::int32_t service_ = 0;
  std::uint32_t next_slot_ = 2;
};

TEST_F(Renewal, OfWhatRunsLosesNothing) {
  manager_.say(MessageType::Renew);
  expect_all_as_before();
  EXPECT_EQ(manager_.facts.header().executions, 1U);
  manager_.say(MessageType::Renew);
  expect_all_as_before();
  EXPECT_EQ(manager_.facts.header().executions, 2U);
}

// It has hung up before PID 1 comes to it, as one in a hurry does.
TEST_F(Renewal, OfAManagerThatIsGoneTakesNoOtherDescriptorForItsOwn) {
  constexpr std::uint32_t kServices = 20;
  for (std::uint32_t slot = 2; slot < kServices; ++slot) manager_.shell(slot, "exec sleep 1000");
  for (std::uint32_t slot = 2; slot < kServices; ++slot)
    ASSERT_TRUE(manager_.until_state(slot, SlotState::Running));
  initd_.stop();
  manager_.say(MessageType::Renew);
  ASSERT_EQ(shutdown(manager_.socket.get(), SHUT_WR), 0);
  initd_.go_on();
  initd_.next_manager();
  const Manager& next = initd_.manager();
  EXPECT_EQ(next.facts.header().executions, 1U);
  for (std::uint32_t slot = 2; slot < kServices; ++slot) next.signal(slot, SIGKILL);
  for (std::uint32_t slot = 2; slot < kServices; ++slot)
    EXPECT_TRUE(next.until_state(slot, SlotState::Exited)) << slot;
  EXPECT_EQ(read_file(initd_.folder + "/log").find("the loop does not take it"), std::string::npos);
}

TEST_F(Renewal, GivesWayToTheEndOfAll) {
  initd_.stop();  // both in one turn
  manager_.say(MessageType::Renew);
  manager_.finish(0, 5);
  initd_.go_on();
  const int status = initd_.wait();
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 5);
}

TEST_F(Renewal, ByOtherProgramsRunsThoseFromThenOn) {
  const UniqueFd initd = copy_of(INITD_PROGRAM);
  const UniqueFd program = copy_of(FAKE_MANAGER);
  const std::array<int, 2> fds{initd.get(), program.get()};
  manager_.send({.type = MessageType::Renew, .fds = fds});
  expect_all_as_before();
  EXPECT_EQ(inode_of_program(initd_.pid), inode(initd.get()));
  initd_.kill_manager();
  initd_.next_manager();
  EXPECT_EQ(inode_of_program(initd_.manager().pid), inode(program.get()));
}

TEST_F(Renewal, ByWhatTheKernelRefusesLeavesTheOldOne) {
  const ino_t before = inode_of_program(initd_.pid);
  const UniqueFd nonsense(memfd_create("nonsense", MFD_CLOEXEC));
  ASSERT_EQ(write(nonsense.get(), "nonsense", 8), 8);
  const std::array<int, 2> fds{nonsense.get(), nonsense.get()};
  manager_.send({.type = MessageType::Renew, .fds = fds});
  expect_all_as_before();
  EXPECT_EQ(manager_.facts.header().executions, 0U);
  EXPECT_EQ(inode_of_program(initd_.pid), before);
  manager_.say(MessageType::Renew);  // it still can
  expect_all_as_before();
  EXPECT_EQ(manager_.facts.header().executions, 1U);
}

}  // namespace
}  // namespace init::test
