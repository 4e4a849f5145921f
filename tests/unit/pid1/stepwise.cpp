#include "tests/unit/pid1/stepwise.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>

namespace init::test {
namespace {

using channel::SlotState;

constexpr std::size_t kNumber = offsetof(user, regs) + offsetof(user_regs_struct, orig_rax);
constexpr std::size_t kResult = offsetof(user, regs) + offsetof(user_regs_struct, rax);

}  // namespace

void fault_at_stop(pid_t pid) {
  __ptrace_syscall_info info{};
  ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info);
  // A signal comes after the call: so there is none.
  if (info.op == PTRACE_SYSCALL_INFO_ENTRY) ptrace(PTRACE_POKEUSER, pid, kNumber, -1L);
  kill(pid, SIGSEGV);
  ptrace(PTRACE_DETACH, pid, nullptr, nullptr);
}

EndAndSpawn::EndAndSpawn() {
  EXPECT_EQ(mkfifo(gate_.c_str(), 0600), 0);
  hold_.reset(open(gate_.c_str(), O_RDWR | O_CLOEXEC));
  initd.manager().shell(0, "read line <" + gate_ + "; exit 77");
  EXPECT_TRUE(initd.manager().until_state(0, SlotState::Running));
  EXPECT_EQ(ptrace(PTRACE_SEIZE, initd.pid, nullptr, PTRACE_O_TRACESYSGOOD), 0);
  EXPECT_EQ(ptrace(PTRACE_INTERRUPT, initd.pid, nullptr, nullptr), 0);
  waitpid(initd.pid, nullptr, __WALL);
  EXPECT_EQ(write(hold_.get(), "\n", 1), 1);
  await_state(initd.manager().facts.pid(0), 'Z');
  spawn_writer(1);
}

void EndAndSpawn::spawn_writer(std::uint32_t attempt) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd read_end(ends[0]), write_end(ends[1]);
  initd.manager().store(5, 1, read_end.get());
  process::PlanInput input = shell_plan("echo ready >&5; read line <" + gate_ + "; exit 3");
  input.passed = {{.index = 0, .target = 5}};
  initd.manager().spawn(1, input, {write_end.get()}, 0, attempt);
}

void EndAndSpawn::to_next_stop() const {
  ptrace(PTRACE_SYSCALL, initd.pid, nullptr, nullptr);
  waitpid(initd.pid, nullptr, __WALL);
}

// A number that is no system call does nothing, and what it comes back with is ours to say. close(2) closes
// whatever it says then.
bool EndAndSpawn::fail_call(int calls, int error) {
  for (int call = 0; call < calls;) {
    if (done()) return false;
    to_next_stop();
    __ptrace_syscall_info info{};
    ptrace(PTRACE_GET_SYSCALL_INFO, initd.pid, sizeof(info), &info);
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY) ++call;
    failed = info.entry.nr;
  }
  if (failed != SYS_close) ptrace(PTRACE_POKEUSER, initd.pid, kNumber, -1L);
  to_next_stop();
  ptrace(PTRACE_POKEUSER, initd.pid, kResult, static_cast<long>(-error));
  return true;
}

SlotState EndAndSpawn::state(std::uint32_t slot) {
  return initd.manager().slot(slot).state;
}

bool EndAndSpawn::done() {
  return state(0) == SlotState::Exited && state(1) == SlotState::Running;
}

void EndAndSpawn::let_go() const {
  ptrace(PTRACE_DETACH, initd.pid, nullptr, nullptr);
}

// By this manager, or by the next one.
void EndAndSpawn::expect_exited(std::uint32_t slot, const std::string& where) {
  while (!initd.manager().until([&] { return state(slot) == SlotState::Exited; })) {
    ASSERT_FALSE(initd.manager().alive()) << slot << " " << where;
    initd.next_manager();
  }
}

void EndAndSpawn::expect_both(const std::string& where) {
  std::uint32_t attempt = 1;
  const auto over = [&] {
    const channel::Slot slot = initd.manager().slot(1);
    return slot.attempt == attempt && (slot.state == SlotState::Running || slot.state == SlotState::Failed);
  };
  while (!initd.manager().until(over) || state(1) == SlotState::Failed) {
    ASSERT_LT(attempt, 3U) << where;
    if (initd.manager().alive()) {
      initd.manager().acknowledge(1, attempt++);
    } else {
      initd.next_manager();
    }
    // Another pipe would take the reader from a process that is there already.
    const channel::Slot slot = initd.manager().slot(1);
    if (slot.attempt != attempt || slot.state == SlotState::Free) spawn_writer(attempt);
  }
  expect_exited(0, where);
  EXPECT_EQ(write(hold_.get(), "\n", 1), 1);
  expect_exited(1, where);
  for (const std::uint32_t slot : {0U, 1U}) {
    EXPECT_EQ(initd.manager().slot(slot).exit_kind, 1U) << slot << " " << where;
    EXPECT_EQ(initd.manager().slot(slot).exit_value, slot == 0 ? 77 : 3) << slot << " " << where;
  }
}

}  // namespace init::test
