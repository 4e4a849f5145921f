// Supervisor: named commands that are kept running as their policies say, and stopped gracefully. A shell
// around the engine that initd itself runs on (libinit/core), so what is true of a service there is true of a
// command here. Nothing is polled: while nothing happens, nothing runs.
//
//   EventLoop loop;
//   Supervisor supervisor(loop);
//   if (auto added = supervisor.add("worker", Command("sleep").arg("10"), {.maximum = 3}); !added) ...
//   if (auto ended = supervisor.run(); !ended) ...     // until INT or TERM, or nothing is left to run
#pragma once
#include <csignal>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libinit/base/time.h"
#include "libinit/loop/event_loop.h"
#include "libinit/process/command.h"

namespace init::supervisor {

enum class Restart : std::uint8_t { No, OnSuccess, OnFailure, Always };

struct Policy {
  Restart restart = Restart::Always;
  // Restarts within one interval; the end after the last of them is for good. 0 = no limit.
  std::uint32_t maximum = 0;
  Duration interval = kInfinity;
  // Before a restart; doubles with each, up to delay_max, until a run has lasted for reset_after.
  Duration delay = std::chrono::milliseconds(100);
  Duration delay_max = std::chrono::seconds(30);
  Duration reset_after = std::chrono::seconds(10);
  // To stop it: this signal, and KILL when it has not ended after stop_wait.
  int stop_signal = SIGTERM;
  Duration stop_wait = std::chrono::seconds(10);
  // Names of commands that must run before this one starts, and that are stopped after it. That one of them
  // ends by itself does not stop this one.
  std::vector<std::string> needs{};
};

enum class State : std::uint8_t { Inactive, Starting, Running, Stopping, Waiting, Failed };

struct Status {
  std::string name;
  State state = State::Inactive;    // Waiting: for its next try, or for what it needs
  std::optional<process::Pid> pid;  // while it has a process
  std::uint32_t restarts = 0;       // since it was last started by request
  std::optional<WallTime> started;  // the last time
  process::ExitStatus last_exit;    // None: it never ended
  std::string reason;               // a phrase: why it failed or waits; else empty
};

// "inactive", "starting", ...
[[nodiscard]] std::string_view name(State state) noexcept;

// Belongs to the thread of its loop, and must not outlive it.
class Supervisor {
 public:
  explicit Supervisor(loop::EventLoop& loop);
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;
  ~Supervisor();  // kills what still runs, and reaps it

  // Nothing starts yet. The command leads a process group of its own, unless it says otherwise: a terminal's
  // Ctrl-C is not for it, and what is left of the group when it ends is killed. Errors: EEXIST, EINVAL (no
  // name, a stop signal that is none).
  [[nodiscard]] Result<> add(std::string name, process::Command command, Policy policy = {});

  // Wishes; work() carries them out. What a command needs starts with it, what needs it stops with it. A
  // start that fails is its own matter: see its status. Errors: ENOENT, also from the three below.
  [[nodiscard]] Result<> start(std::string_view name);
  [[nodiscard]] Result<> stop(std::string_view name);
  [[nodiscard]] Result<> restart(std::string_view name);
  // To the process now. Errors: ESRCH when there is none.
  [[nodiscard]] Result<> signal(std::string_view name, int signal);
  // Stops all, each before those that it needs. No start is heard after it.
  void stop_all();

  [[nodiscard]] std::vector<Status> status() const;  // in the order added
  [[nodiscard]] Result<Status> status(std::string_view name) const;
  // Called with the new status whenever a state changes. What it throws ends work() as an error.
  void on_change(std::function<void(const Status&)> listener);

  // Does all of the above; ends when nothing runs, and nothing waits for a time or a restart. Errors: EBUSY
  // when it is being done already.
  [[nodiscard]] loop::Task<> work();
  // The whole program: starts all, works until the end; INT and TERM stop all, the second of them at once.
  // Errors: those of SignalGuard, EventLoop::run() and work().
  [[nodiscard]] Result<> run();

 private:
  class Shell;
  std::unique_ptr<Shell> shell_;
};

}  // namespace init::supervisor
