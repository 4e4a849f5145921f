// initd while its command runs: passes signals on, reaps, follows the command into a stop, and ends with it.
// The command's end shows on its pidfd. CHLD only says that there is something to sweep, and in a storm of
// orphans it is not even listened to for a moment: then the sweep finds many at once.
#pragma once
#include <sys/signalfd.h>
#include <sys/types.h>
#include <sys/wait.h>

#include "daemon/one_command/command.h"
#include "daemon/one_command/options.h"
#include "daemon/one_command/terminal.h"
#include "libinit/base/unique_fd.h"

namespace init::one_command {

class Runner {
 public:
  Runner(const Options& options, Terminal& terminal) noexcept;

  // Before the command starts, with all signals blocked. 0 or an errno.
  [[nodiscard]] int open() noexcept;
  // command: none (pid 0) with --pause. Ends the process.
  [[noreturn]] void run(Command command) noexcept;

 private:
  // What is left to happen, each by the deadline_.
  enum class Stage : std::uint8_t {
    Running,
    Asked,        // the command has got its TERM; then all get one
    Terminating,  // all have got a TERM; then comes KILL
    Killing,      // again and again, for what has forked in between
  };

  void settle() noexcept;
  void wait() noexcept;
  void act_on_time() noexcept;
  [[nodiscard]] MonotonicTime next_time() const noexcept;
  // Signals
  void read_signals() noexcept;
  void take(int signal) noexcept;
  void pass(int signal) noexcept;
  void resume() noexcept;
  void follow_stop() noexcept;
  void stop_like_command(int signal) noexcept;
  // Ends
  void sweep() noexcept;
  void look_at_command() noexcept;
  void note_end(const siginfo_t& end) noexcept;
  void enter(Stage stage) noexcept;
  void leave_if_done() noexcept;

  const Options& options_;
  Terminal& terminal_;
  const bool is_pid1_;
  UniqueFd signals_;   // all but CHLD
  UniqueFd children_;  // CHLD
  pid_t command_ = 0;
  UniqueFd end_;  // its pidfd; none = its end shows in a sweep
  int code_ = 0;
  bool ended_ = false;      // the command
  bool alone_ = false;      // no child is left
  bool stopped_ = false;    // the command, and initd with it
  bool held_back_ = false;  // a TERM, by --grace
  int kills_ = 0;           // rounds of KILL
  Stage stage_ = Stage::Running;
  MonotonicTime release_due_ = MonotonicTime::never();  // of the memory that only the start needed
  MonotonicTime deadline_ = MonotonicTime::never();
  MonotonicTime term_due_ = MonotonicTime::never();   // of the one that is held back
  MonotonicTime sweep_due_ = MonotonicTime::never();  // until then a storm rages
};

}  // namespace init::one_command
