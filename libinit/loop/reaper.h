// Reaper: the stream of children that have ended, whoever started them. For a program that is the parent of
// all: PID 1, a subreaper. It takes the status of every child, so nobody else may wait for one.
#pragma once
#include "libinit/loop/signals.h"
#include "libinit/process/exit_status.h"
#include "libinit/process/pid.h"

namespace init::loop {

struct Reaped {
  process::Pid pid;
  process::ExitStatus status;
};

class Reaper {
 public:
  struct Options {
    // Orphans among the descendants become children of this process, from now on for its whole life
    // (PR_SET_CHILD_SUBREAPER of prctl(2)).
    bool adopt = false;
  };
  // Holds SIGCHLD by a SignalGuard, and fails as that does.
  [[nodiscard]] static Result<Reaper> create(Options options);
  [[nodiscard]] static Result<Reaper> create() { return create(Options()); }

  // The next child that has ended; waits for it, also while there is no child at all: each is reaped exactly
  // once, however many ended at the same time.
  [[nodiscard]] Task<Reaped> next();

 private:
  explicit Reaper(SignalGuard news) : news_(std::move(news)) {}
  SignalGuard news_;
};

}  // namespace init::loop
