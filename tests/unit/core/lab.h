// A bench for the engine: a graph written as text, a clock that the test advances, and a log of what the
// engine wants done.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "libinit/core/engine.h"

namespace init::core {

// One unit per line: NAME, then KIND=OTHER for each dependency, then settings:
//   "app.service requires=db.service after=net.service restart=always delay=100 burst=2 oneshot remain pre=2
//   steps=3"
// Bare names are services; "x.target" is a target. Times are in milliseconds.
[[nodiscard]] std::vector<unit::Unit> parse_units(std::string_view text);

class Lab : public ActionSink {
 public:
  explicit Lab(std::string_view text) : Lab(parse_units(text)) {}
  explicit Lab(const std::vector<unit::Unit>& units);

  // Requests; the job's number is returned.
  JobId ask(Verb verb, std::string_view unit);
  JobId start(std::string_view unit) { return ask(Verb::Start, unit); }
  JobId stop(std::string_view unit) { return ask(Verb::Stop, unit); }
  JobId restart(std::string_view unit) { return ask(Verb::Restart, unit); }
  void boot(std::string_view unit);
  JobId shut_down(PowerKind kind);
  void reload(std::string_view text);

  // What the machine says of the newest process of a unit.
  void spawned(std::string_view unit);
  void runs(std::string_view unit);  // spawned and executed
  void exits(std::string_view unit, int code = 0, bool group_empty = true);
  void dies(std::string_view unit, int signal, bool group_empty = true);
  void fails_to_spawn(std::string_view unit, SpawnError error);
  void reload_exits(std::string_view unit, int code);
  void group_empties(std::string_view unit);
  // The newest step beside or after the main process.
  void hook_exits(std::string_view unit, int code, bool group_empty = false);
  // What the main process says; answers to probes; the bus.
  void says(std::string_view unit, Notified::What what, std::int64_t value = 0);
  void answers(std::string_view unit, bool ok);
  // Brings up everything that waits for a process: mains run, steps and oneshots exit 0, what is signalled
  // ends.
  void all_goes_well();

  void advance(int milliseconds);  // fires what is due, in order of deadlines

  // The manager dies after the records are committed, and a new one recovers from records and facts.
  void crash();
  // The same, when it has died right before it asked for the newest process of a unit, so long ago.
  void crash_before_spawn(std::string_view unit, int milliseconds);

  [[nodiscard]] UnitIndex index(std::string_view unit) const;
  [[nodiscard]] UnitView view(std::string_view unit) const { return engine.view(index(unit)); }
  [[nodiscard]] State state(std::string_view unit) const { return view(unit).phase; }
  // "done", "failed", "blocked by db", ...; "waiting" while there is none.
  [[nodiscard]] std::string outcome(JobId job) const;
  // What was asked of the machine since the last call: "spawn db, TERM app, kill x, power exit".
  std::string log();
  std::string plan(Verb verb, std::string_view unit) const;

  void emit(const Action& action) override;
  void tell(const Event& event);

  Engine engine;
  MonotonicTime now{std::chrono::seconds(1000)};

 private:
  struct Process {
    Attempt attempt = 0;
    ProcessFact::State state = ProcessFact::State::Spawning;
    bool signalled = false;
  };
  struct Timer {
    MonotonicTime deadline;
    std::uint32_t serial = 0;
  };
  using TimerKey = std::pair<std::string, TimerKind>;

  std::string name(UnitIndex unit) const;
  void note(std::string text);

  std::vector<std::string> log_;
  std::map<std::string, Process> mains_, controls_;
  std::map<TimerKey, Timer> timers_;
  std::map<JobId, std::string> outcomes_;
  std::map<std::string, Probe> questions_;
  JobId last_job_ = 0;
};

}  // namespace init::core
