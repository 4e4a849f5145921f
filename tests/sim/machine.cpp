#include "tests/sim/machine.h"

#include <algorithm>

#include "libinit/base/checksum.h"

namespace init::sim {

using core::Exit;
using core::ProcessFact;
using core::Role;
using Life = Process::Life;

int Machine::free_pid() const {
  for (int pid = 2; pid < pid_max_; ++pid) {
    const auto used = [pid](const Process& p) { return p.alive() && p.pid == pid; };
    if (std::none_of(processes.begin(), processes.end(), used)) return pid;
  }
  return 0;
}

void Machine::spawn(const std::string& unit, const core::Spawn& action, const core::Policy& policy) {
  // What has been told is over; a unit that was forgotten and comes again counts its attempts anew.
  const auto same = [&](const Process& p) {
    return p.unit == unit && p.attempt == action.attempt && !p.told_end;
  };
  if (std::any_of(processes.begin(), processes.end(), same)) return;  // carried out before
  Process process;
  process.unit = unit;
  process.attempt = action.attempt;
  process.role = action.role;
  const bool main = action.role == Role::Main && !policy.oneshot;
  process.forks = main && policy.type == unit::ServiceType::Forking;
  process.lasting = main && !process.forks;
  process.owns = process.lasting && policy.type == unit::ServiceType::Dbus;
  process.speaks =
      process.owns || (process.lasting && (policy.type == unit::ServiceType::Notify || policy.has_ready_fd));
  process.pid = free_pid();
  if (process.pid == 0 || (faults.fork_fails && rng_.chance(30))) {
    process.life = Life::NeverBorn;
    process.error = core::SpawnError::Resources;
  }
  process.stubborn = faults.stubborn && rng_.chance(30);
  process.unkillable = faults.unkillable && rng_.chance(10);
  process.hangs = faults.slow && rng_.chance(15);
  processes.push_back(process);
}

void Machine::strike(Process& process, int signal) {
  if (!process.alive()) return;
  if (signal == 9) process.doomed = true;
  if (signal == 9 ? process.unkillable : process.stubborn || signal == 1) return;
  process.dying_of = signal;
}

bool Machine::signal(const std::string& unit, const core::Signal& action) {
  bool known = false;
  for (Process& process : processes) {
    if (process.unit != unit) continue;
    known = known || process.attempt == action.attempt;
    const bool meant = action.target == core::SignalTarget::Group || process.attempt == action.attempt;
    if (meant) strike(process, action.signal);
  }
  if (action.target == core::SignalTarget::Group && (!faults.stubborn || rng_.chance(70)) &&
      helpers[unit] > 0) {
    helpers[unit] = 0;
    if (group_is_empty(unit)) empties[unit] = true;
  }
  return known || action.target == core::SignalTarget::Group;
}

void Machine::kill_group(const std::string& unit) {
  for (Process& process : processes) {
    if (process.unit == unit) strike(process, 9);
  }
  helpers[unit] = 0;
  if (group_is_empty(unit)) empties[unit] = true;
}

Exit Machine::random_exit() {
  constexpr int kCodes[] = {0, 0, 1, 2, 3, 4, 5};
  constexpr int kExtreme[] = {254, 255};
  if (faults.extreme && rng_.chance(40)) return {Exit::Kind::Code, kExtreme[rng_.below(2)]};
  if (rng_.chance(60)) return {Exit::Kind::Code, kCodes[rng_.below(7)]};
  constexpr int kSignals[] = {1, 64, 9, 11, 15};
  return {rng_.chance(20) ? Exit::Kind::Dumped : Exit::Kind::Signal, kSignals[rng_.below(5)]};
}

// The one that waited for the name has it then.
bool Machine::has_other_owner(const Process& process) const {
  return std::any_of(processes.begin(), processes.end(), [&](const Process& other) {
    return &other != &process && other.unit == process.unit && other.alive() && other.owns &&
           other.said_ready;
  });
}

void Machine::end(Process& process, Exit exit) {
  process.life = Life::Dead;
  process.exit = exit;
  if (process.attempt == 0) process.told_end = true;  // nobody knows it
  if (process.owns && process.said_ready) say_name(process, has_other_owner(process));
  if (group_is_empty(process.unit)) empties[process.unit] = true;
}

bool Machine::can_move(const Process& process) const {
  if (!process.alive()) return false;
  if (process.dying_of != 0) return true;
  if (process.doomed) return false;  // what survives KILL does so because it does nothing at all
  if (process.life == Life::Spawning) return true;
  if (process.lasting && has_to_say(process)) return true;
  const bool heard = process.attempt != 0;
  return process.lasting ? faults.exits || (faults.chatty && heard) : !process.hangs;
}

void Machine::move(Process& process) {
  if (process.dying_of != 0) {
    return end(process, orderly || rng_.chance(50) ? Exit{Exit::Kind::Signal, process.dying_of}
                                                   : Exit{Exit::Kind::Code, 0});
  }
  if (process.life == Life::Spawning) {
    const bool never = broken.count(process.unit) != 0;
    if (never || (faults.exec_fails && rng_.chance(15))) {
      process.life = Life::NeverBorn;
      process.error = never || rng_.chance(50) ? core::SpawnError::Setup : core::SpawnError::Config;
      if (group_is_empty(process.unit)) empties[process.unit] = true;
      return;
    }
    process.life = Life::Running;
    if (faults.helpers && rng_.chance(30)) ++helpers[process.unit];
    return;
  }
  if (process.lasting) {
    if (process.attempt != 0 && speak(process)) return;
    if (faults.exits && rng_.chance(10)) end(process, random_exit());
    return;
  }
  end(process, faults.exits && rng_.chance(25) ? random_exit() : Exit{Exit::Kind::Code, 0});
  if (process.forks && !(faults.exits && rng_.chance(10))) fork(Process(process));
}

bool Machine::act() {
  if (faults.starves && rng_.chance(2)) starve();
  std::vector<Process*> able;
  for (Process& process : processes) {
    if (can_move(process)) able.push_back(&process);
  }
  if (able.empty()) return false;
  move(*able[pick(able.size())]);
  return true;
}

void Machine::crash_main(const std::string& unit) {
  for (Process& process : processes) {
    if (process.unit == unit && process.lasting && process.life == Life::Running)
      end(process, {Exit::Kind::Code, 1});
  }
}

bool Machine::end_all(const std::string& unit) {
  bool found = helpers[unit] > 0;
  helpers[unit] = 0;
  for (Process& process : processes) {
    if (process.unit != unit || !process.alive() || process.dying_of != 0) continue;
    process.dying_of = 15;
    found = true;
  }
  if (found && group_is_empty(unit)) empties[unit] = true;
  return found;
}

void Machine::heal() {
  faults = {};
  pid_max_ = 4096;
  for (Process& process : processes) {
    process.stubborn = process.unkillable = process.hangs = false;
    if (process.doomed) process.dying_of = 9;
  }
}

bool Machine::group_is_empty(const std::string& unit) const {
  const auto found = helpers.find(unit);
  if (found != helpers.end() && found->second > 0) return false;
  return std::none_of(processes.begin(), processes.end(),
                      [&](const Process& p) { return p.unit == unit && p.alive(); });
}

const Process* Machine::living_main(const std::string& unit) const {
  for (const Process& process : processes) {
    if (process.unit == unit && process.alive() && process.attempt != 0 && core::is_main(process.role))
      return &process;
  }
  return nullptr;
}

std::vector<ProcessFact> Machine::facts() const {
  std::vector<ProcessFact> facts;
  for (const Process& process : processes) {
    if (process.attempt == 0) continue;
    ProcessFact fact;
    fact.tag = fnv1a64(process.unit);
    fact.attempt = process.attempt;
    fact.pid = process.pid;
    fact.exit = process.exit;
    fact.failure = process.error;
    fact.group_empty = group_is_empty(process.unit);
    switch (process.life) {
      case Life::Spawning:
        fact.state = ProcessFact::State::Spawning;
        break;
      case Life::Running:
        fact.state = ProcessFact::State::Running;
        break;
      case Life::Dead:
        fact.state = ProcessFact::State::Exited;
        break;
      case Life::NeverBorn:
        fact.state = ProcessFact::State::Failed;
        break;
    }
    facts.push_back(fact);
  }
  return facts;
}

void Machine::forget_told() {
  processes.erase(
      std::remove_if(processes.begin(), processes.end(), [](const Process& p) { return p.told_end; }),
      processes.end());
}

}  // namespace init::sim
