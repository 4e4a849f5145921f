// One random world, from a seed: an engine, a machine, clients, and a manager that may die between any two of
// its steps.
#pragma once
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "libinit/core/engine.h"
#include "libinit/core/history.h"
#include "tests/sim/machine.h"
#include "tests/sim/rng.h"

namespace init::sim {

struct Options {
  std::uint64_t seed = 0;
  std::uint32_t steps = 1000;
  bool trace = false;
  bool simple = false;  // exec and oneshot services, without hooks and questions
  bool race = false;    // the world of a race
};

// One death of the manager, at a chosen place.
struct Crash {
  enum class When : std::uint8_t { Never, BeforeCommit, InCommit, InActions };
  When when = When::Never;
  std::uint64_t event = 0;  // counted from 1
  std::size_t part = 0;     // InCommit: 1 = after the records, 0 = before them; InActions: before this action
};

// Where a script has led.
struct End {
  std::map<std::string, std::string> units;  // public state, and what is wished; at each stage of the script
  std::map<core::JobId, int> jobs;
  std::uint64_t events = 0;
  std::string failure;
  friend bool operator==(const End& a, const End& b) { return a.units == b.units && a.jobs == b.jobs; }
};

struct Verdict {
  std::string failure;        // empty: all is well
  std::uint64_t actions = 0;  // hash of everything the engine wanted, in order
  std::uint64_t events = 0;   // handled
  std::uint64_t digest = 0;   // of all that the engine did, kept and told
};

class Simulation final : public core::ActionSink {
 public:
  explicit Simulation(const Options& options);
  Verdict run();
  // Requests and ends of processes in any order, each at any moment of what the others have begun.
  Verdict race();
  // The seed's script: requests and deaths of processes, each at rest, in a world without other faults.
  End play(const Crash& crash);

  void emit(const core::Action& action) override;

 private:
  struct Job {
    core::Verb verb = core::Verb::Start;
    std::string unit;
    std::optional<core::JobOutcome> outcome;
  };
  struct Timer {
    MonotonicTime deadline;
    std::uint32_t serial = 0;
    friend bool operator==(const Timer&, const Timer&) = default;
  };
  // Which kinds of trouble this seed has.
  struct Swarm {
    bool crashes = false, reloads = false, stale = false, jumps = false, cycles = false;
  };

  // simulation.cpp: the course of a run.
  void step();
  void ask_something();
  void reload(Rng& dice);
  bool deliver_something();
  void deliver(Process& process);
  bool hear(const std::string& unit, const Question& question);
  void hear_word();
  enum class Which : std::uint8_t { All, Awaited };  // Awaited: not what comes round again and again
  bool fire_next_timer(MonotonicTime until, Which which = Which::All);
  void pass_time(Duration by);
  void rest();
  void probe();
  void shut_down();
  void repeat_something_stale();

  // convergence.cpp: one script, and what comes of it.
  void play_one(Rng& script);
  void play_reload(Rng& script);
  void note(End& end, const std::string& stage) const;

  // races.cpp
  void ask_in_race(std::set<std::string>& wanted);

  // manager.cpp: the shell around the engine.
  void tell(const core::Event& event);
  void commit();
  void commit_part(bool records);
  void perform();
  [[nodiscard]] bool crashes_here(Crash::When when) const;
  std::vector<core::Action> recover();
  void carry_out(const core::Action& action);

  // probes.cpp: what would happen, on a copy.
  void probe_copies();
  void probe_stale_events();
  void probe_same_files();
  void probe_second_shutdown();
  void probe_request_of_nobody(Rng& dice);
  void probe_late_reload(core::UnitIndex unit);
  void probe_lost_unit();
  void probe_unsound_record(Rng& dice);
  void probe_exits(Rng& dice);
  void probe_failure_action(const core::Engine& before, const core::Event& told, Rng& dice);

  // calls.cpp: who may be started now.
  [[nodiscard]] std::set<std::string> called_by_ends(const std::vector<core::Action>& actions) const;
  [[nodiscard]] std::set<std::string> called_to_prepare() const;
  [[nodiscard]] std::set<std::string> called_by(const core::Requested& request) const;
  void follow_new_runs();

  // digest.cpp: what it does, keeps and tells, as one number.
  void digest(std::string_view bytes);
  void digest_event();
  void digest_told(core::UnitIndex unit);
  void digest_plan(const core::Plan& plan);

  // telling.cpp: what is told of it.
  void check_told(core::UnitIndex unit);
  void check_reasons(const core::Plan& plan, const core::Requested& request);
  void check_any_plan(Rng& dice);
  void check_plan(const core::Plan& plan, const core::Requested& request, bool certain);
  void check_reload_plan(core::UnitIndex unit);
  struct Said {  // the dependency of that number
    core::UnitIndex owner;
    std::uint16_t dependency;
    unit::DependencyKind kind;
  };
  [[nodiscard]] bool is_between(const Said& said, core::UnitIndex a, core::UnitIndex b) const;
  [[nodiscard]] bool view_is_true(core::UnitIndex unit) const;
  [[nodiscard]] bool wishes_are_true(core::UnitIndex unit) const;
  [[nodiscard]] bool chain_is_true(core::UnitIndex unit) const;

  // recording.cpp: what is kept of it.
  void check_recorded(const core::Event& event);
  void check_recorded(const core::Beginning& beginning);

  // checks.cpp: what must hold.
  void fail(const std::string& what);
  void check_event(const core::Event& event, const std::vector<core::UnitRecord>& before);
  void check_spawn(const core::Spawn& spawn, const std::vector<core::UnitRecord>& before);
  void check_stop(core::UnitIndex unit);
  void check_skipped(const core::JobFinished& finished, const std::vector<core::UnitRecord>& before);
  void check_answer(const core::JobFinished& finished, const core::Event& event);
  void check_admins(const core::Event& event, const std::vector<core::UnitRecord>& before);
  void check_starved(const core::Starved& starved, const core::UnitRecord& was);
  [[nodiscard]] bool must_follow(const unit::Unit& unit, const unit::Unit& other) const;
  void check_readiness(const core::Event& event, const std::vector<core::UnitRecord>& before);
  void check_backoff(const core::Event& event, const std::vector<core::UnitRecord>& before);
  void check_limit(const std::vector<core::UnitRecord>& before);
  void release_called(const std::vector<core::Action>& actions);
  void check_always();
  void check_ends();
  void check_system_state();
  void check_rest();
  void check_jobs_answered();
  [[nodiscard]] bool truly_up(const unit::Unit& unit) const;
  [[nodiscard]] bool is_up_or_done(const std::string& name) const;
  [[nodiscard]] bool is_excluded(const std::string& name) const;
  [[nodiscard]] std::set<std::string> up_or_done() const;
  [[nodiscard]] std::set<std::string> refused() const;

  [[nodiscard]] std::string name(core::UnitIndex unit) const;
  [[nodiscard]] std::optional<core::UnitIndex> index(const std::string& name) const;
  [[nodiscard]] const unit::Unit* definition(const std::string& name) const;
  void trace(const std::string& line) const;
  void trace_units() const;
  [[nodiscard]] std::string described(const core::Event& event) const;
  [[nodiscard]] std::string shown(const std::string& unit) const;

  Options options_;
  Rng rng_;
  Rng dice_;  // of what is no part of the world
  Swarm swarm_;
  std::vector<unit::Unit> units_;
  Machine machine_;
  core::Engine engine_;
  MonotonicTime now_{std::chrono::seconds(100)};
  bool faulty_ = true;
  Crash crash_;

  std::vector<core::Action> wanted_;  // of the event in hand
  std::map<std::string, core::UnitRecord> committed_;
  std::vector<core::JobRecord> committed_jobs_;
  std::map<std::pair<std::string, core::TimerKind>, Timer> timers_;

  std::map<core::JobId, Job> jobs_;
  std::set<core::JobId> repeated_;  // answers that a crash may have doubled
  core::JobId last_job_ = 0;
  std::set<std::string> held_;  // an admin stopped it, and nobody has asked for it since
  std::set<std::string> anew_;  // run once more to prepare something
  std::map<std::pair<std::string, std::string>, core::Attempt> prepared_;  // who by whom: its last run then
  std::set<std::string> came_up_;                                          // since the last probe began
  bool stopping_ = false, powered_ = false;
  std::string failure_;
  std::uint64_t hash_ = 0xcbf29ce484222325U, events_ = 0, crashes_ = 0;
  std::uint64_t digest_ = 0xcbf29ce484222325U;
};

}  // namespace init::sim
