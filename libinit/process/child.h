// Child: a running program and its end. Held by a pidfd, so nothing here can ever reach a process that has
// taken over its number. Not for two threads at once.
#pragma once
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "libinit/base/result.h"
#include "libinit/base/time.h"
#include "libinit/base/unique_fd.h"
#include "libinit/process/exit_status.h"
#include "libinit/process/pid.h"
#include "libinit/process/stream.h"

namespace init::process {

struct Output {
  ExitStatus status;
  std::string standard_output, standard_error;  // bytes, as they came
};

// The bytes as UTF-8: each one that belongs to no character becomes U+FFFD.
[[nodiscard]] std::string text_lossy(std::string_view bytes);

class Child {
 public:
  // What spawn() hands over: the pipes, by stream; an fd of -1 was not a pipe.
  Child(Pid pid, UniqueFd pidfd, std::array<UniqueFd, 3> pipes);
  Child(Child&&) noexcept = default;
  // The one before is let go as by the destructor.
  Child& operator=(Child&& other) noexcept;
  // Neither kills nor waits: the program goes on. One that has ended is reaped; one that ends later stays a
  // zombie until this process ends.
  ~Child();

  [[nodiscard]] Pid pid() const { return pid_; }
  [[nodiscard]] int pidfd() const { return pidfd_.get(); }  // readable when the program has ended
  // Has not ended. An end counts at once, reaped or not.
  [[nodiscard]] bool alive() const;

  // Closes stdin and waits for the end. Ask again and get the same. Errors: ETIMEDOUT (it runs on); ECHILD
  // when somebody else has reaped it (a SIGCHLD that is ignored does that), EBADF after a move.
  [[nodiscard]] Result<ExitStatus> wait(Duration timeout = kInfinity);
  // Nothing while it runs. Leaves stdin open.
  [[nodiscard]] Result<std::optional<ExitStatus>> try_wait();
  // For tasks of an event loop: `co_await child.exited()` (libinit/loop/event_loop.h).
  struct Exited {
    Child* child;
  };
  [[nodiscard]] Exited exited() { return {this}; }
  // Closes stdin, reads both pipes at once to their ends, waits. A program that has left its pipes to others
  // has not ended for this. After ETIMEDOUT ask again: nothing is lost.
  [[nodiscard]] Result<Output> wait_with_output(Duration timeout = kInfinity);

  // Errors: ESRCH when it has been waited for or moved away; EPERM, EINVAL as kill(2).
  [[nodiscard]] Result<> signal(int signal);
  // To all of the process group that it leads (new_session() or process_group()).
  [[nodiscard]] Result<> signal_group(int signal);
  [[nodiscard]] Result<> terminate();  // TERM
  [[nodiscard]] Result<> kill();       // KILL

  [[nodiscard]] StreamWriter& standard_input() { return input_; }
  [[nodiscard]] StreamReader& standard_output() { return output_; }
  [[nodiscard]] StreamReader& standard_error() { return error_; }
  // The stream for somebody else; here it is closed from now on.
  [[nodiscard]] StreamWriter take_standard_input() { return std::exchange(input_, {}); }
  [[nodiscard]] StreamReader take_standard_output() { return std::exchange(output_, {}); }
  [[nodiscard]] StreamReader take_standard_error() { return std::exchange(error_, {}); }

 private:
  void let_go() noexcept;
  [[nodiscard]] Result<ExitStatus> reap(int options);
  [[nodiscard]] Failure wrong(int error, const char* step) const;
  [[nodiscard]] int drain(MonotonicTime deadline);

  Pid pid_;
  UniqueFd pidfd_;
  std::optional<ExitStatus> status_;  // once reaped
  StreamWriter input_;
  StreamReader output_, error_;
  Output collected_;  // what a wait_with_output() that timed out has read
};

}  // namespace init::process
