// A child that prepares itself and then waits until it is ended.
#pragma once
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <sstream>
#include <string>

#include "libinit/process/pid.h"

namespace init::process_info {

class Child {
 public:
  // prepare runs in the child; false ends it with 1.
  explicit Child(const std::function<bool()>& prepare) {
    int ready[2];
    if (pipe(ready) != 0) return;
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      close(ready[0]);
      if (!prepare()) _exit(1);
      (void)!write(ready[1], "r", 1);
      close(ready[1]);
      while (true) pause();
    }
    close(ready[1]);
    char byte = 0;
    ready_ = read(ready[0], &byte, 1) == 1;
    close(ready[0]);
    while (ready_ && !sleeps()) sched_yield();
  }
  ~Child() { end(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  [[nodiscard]] bool ready() const { return ready_; }
  [[nodiscard]] process::Pid pid() const { return *process::Pid::from(pid_); }
  // The text of a file of the child's in /proc.
  [[nodiscard]] std::string text(const std::string& file) const {
    std::ifstream stream("/proc/" + std::to_string(pid_) + "/" + file);
    std::stringstream all;
    all << stream.rdbuf();
    return all.str();
  }
  [[nodiscard]] bool sleeps() const {
    const std::string stat = text("stat");
    return stat.compare(stat.rfind(')'), 3, ") S") == 0;
  }
  void end() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  pid_t pid_ = 0;
  bool ready_ = false;
};

}  // namespace init::process_info
