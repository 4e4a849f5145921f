// The real initd, held at each of its system calls while it collects an end and carries out a spawn.
#pragma once
#include <string>

#include "tests/unit/pid1/harness.h"

namespace init::test {

// A fault of a process that is held at a system call, before it is made or after; then it is let go.
void fault_at_stop(pid_t pid);

class EndAndSpawn {
 public:
  // An end that initd has not heard of, and a spawn that it has not read. The spawn rests on a descriptor
  // stored just before: a process that finds nobody at the other end dies of SIGPIPE.
  EndAndSpawn();

  // Before or after a system call.
  void to_next_stop() const;
  // Up to before a system call, or false: all is done, and initd waits for more. It then fails so.
  [[nodiscard]] bool fail_call(int calls, int error);
  [[nodiscard]] bool done();
  void let_go() const;
  // Waits for both, and says again what was lost with a manager, or could not be carried out.
  void expect_both(const std::string& where);

  Initd initd;
  std::uint64_t failed = 0;  // the number of that system call

 private:
  void spawn_writer(std::uint32_t attempt);
  void expect_exited(std::uint32_t slot, const std::string& where);
  [[nodiscard]] channel::SlotState state(std::uint32_t slot);

  std::string gate_ = initd.folder + "/gate";
  UniqueFd hold_;
};

}  // namespace init::test
