// A machine that is not there: processes, their groups, what PID 1 would have seen of them, and timers. By
// unit names, so that neither a reload nor a new manager matters to it.
#pragma once
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "libinit/core/engine.h"
#include "tests/sim/rng.h"

namespace init::sim {

// Which faults this seed has; all off in the last phase.
struct Faults {
  bool exits = false;       // mains end by themselves, steps fail
  bool stubborn = false;    // TERM is ignored
  bool unkillable = false;  // for a while even KILL is
  bool fork_fails = false;
  bool exec_fails = false;
  bool helpers = false;  // mains leave processes behind
  bool slow = false;     // steps hang until their time is up, and so does readiness
  bool chatty = false;   // mains say anything at any time
  bool unwell = false;   // probes are answered with no
  bool starves = false;  // memory is short
  bool extreme = false;  // exit codes at the ends of their ranges
};

struct Process {
  enum class Life : std::uint8_t { Spawning, Running, Dead, NeverBorn };
  std::string unit;
  core::Attempt attempt = 0;
  core::Role role = core::Role::Main;
  bool lasting = false;  // a main that runs until something happens to it
  bool forks = false;    // a forking service's first process: it leaves another behind
  bool speaks = false;   // it will say that it is ready; owns: by its bus name
  bool owns = false;
  bool said_ready = false, reloading = false, leaving = false;
  int pid = 0;
  Life life = Life::Spawning;
  core::Exit exit;
  core::SpawnError error = core::SpawnError::Setup;
  bool stubborn = false, unkillable = false, hangs = false, doomed = false;
  int dying_of = 0;  // the signal that will end it
  bool starved = false;
  bool told_birth = false, told_exec = false, told_end = false;
  [[nodiscard]] bool alive() const { return life == Life::Spawning || life == Life::Running; }
};

// Said, and not yet heard; it outlives the manager and its teller.
struct Word {
  std::string unit;
  core::Attempt attempt = 0;
  core::Notified::What what = core::Notified::What::Ready;
  std::int64_t value = 0;
  bool is_name = false, owned = false;
  bool is_starved = false;  // the kernel says it
};
// Asked, and not yet answered; it dies with the manager.
struct Question {
  core::Attempt attempt = 0;
  core::ProbeOf which = core::ProbeOf::Ready;
  std::uint32_t serial = 0;
};

class Machine {
 public:
  Machine(Rng& rng, int pid_max) : rng_(rng), pid_max_(pid_max) {}

  Faults faults;
  bool orderly = false;          // everything happens in the order of its causes
  std::set<std::string> broken;  // units that can never be executed
  std::vector<Process> processes;
  std::map<std::string, int> helpers;   // alive, by unit
  std::map<std::string, bool> empties;  // a GroupEmpty that was not yet told

  std::deque<Word> words;
  std::map<std::string, Question> questions;

  void spawn(const std::string& unit, const core::Spawn& action, const core::Policy& policy);
  void watch(const std::string& unit, const core::WatchMain& action);
  bool answers_well(const std::string& unit, const Question& question);
  // False if there is no such process of that unit, and was none: nobody may be signalled then.
  bool signal(const std::string& unit, const core::Signal& action);
  void kill_group(const std::string& unit);
  // One process moves on; false if none can.
  bool act();
  [[nodiscard]] std::size_t pick(std::size_t count) {
    return orderly ? 0 : rng_.below(static_cast<std::uint32_t>(count));
  }
  void crash_main(const std::string& unit);  // exits with 1, if it runs
  bool end_all(const std::string& unit);     // TERM to all, which nobody resists; false if there is nothing
  void heal();                               // faults off, also in what already runs
  [[nodiscard]] bool group_is_empty(const std::string& unit) const;
  [[nodiscard]] const Process* living_main(const std::string& unit) const;
  [[nodiscard]] std::vector<core::ProcessFact> facts() const;
  void forget_told();  // PID 1 was told that these are known

 private:
  void strike(Process& process, int signal);
  void end(Process& process, core::Exit exit);
  [[nodiscard]] bool has_other_owner(const Process& process) const;
  void move(Process& process);
  // words.cpp
  void say(const Process& process, core::Notified::What what, std::int64_t value);
  void starve();
  void say_ready(Process& process);
  void say_name(const Process& process, bool owned);
  [[nodiscard]] bool has_to_say(const Process& process) const;
  bool speak(Process& process);
  void gossip(Process& process);
  int main_to_name(const Process& teller);
  int fork(const Process& parent);  // the child's number; 0 when there is none
  [[nodiscard]] bool can_move(const Process& process) const;
  int free_pid() const;
  core::Exit random_exit();

  Rng& rng_;
  int pid_max_;
};

}  // namespace init::sim
