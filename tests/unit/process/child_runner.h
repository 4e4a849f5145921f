// Runs the child steps as PID 1 would: from a parent that a test may spoil at will, with a report pipe.
#pragma once
#include <sys/types.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "libinit/base/unique_fd.h"
#include "libinit/process/child_steps.h"
#include "libinit/process/exec_plan.h"

namespace init::process::testing {

struct RunOptions {
  std::function<void()> spoil_parent;  // in a process of its own, the parent of the child
  std::function<void()> spoil_child;   // in the child itself, before its first step
  std::vector<int> passed;             // numbers in the test's table
  int cgroup_procs_fd = -1;
  bool shares_table = false;                // CLONE_FILES
  std::function<void()> parent_afterwards;  // in the spoiled parent, when the child has ended
};

struct RunResult {
  std::vector<ChildReport> reports;
  std::string output;  // what came through the passed fd that is named by output_fd()
  pid_t pid = 0;
  int status = 0;  // as of waitpid(2)

  // The last report as "step/errno/detail", or "running" when the program was executed.
  [[nodiscard]] std::string end() const;
};

[[nodiscard]] RunResult run_child(const PlanInput& input, const RunOptions& options = {});

// A fresh folder that anyone may enter, removed with all that is in it.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string path(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Copies the probe to `to`, where every user may execute it.
void install_probe(const std::string& to);

[[nodiscard]] std::string read_file(const std::string& path);

// The probe's lines by key; "environment" lines are kept together in order.
using State = std::map<std::string, std::string>;
[[nodiscard]] State parse_state(const std::string& text);

// From now on, and over execve, the call fails with this errno.
void refuse_syscall(long number, int error);

[[nodiscard]] bool is_root();

}  // namespace init::process::testing
