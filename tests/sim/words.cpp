// What processes say of themselves, and which of them is the main one.
#include <algorithm>

#include "tests/sim/machine.h"

namespace init::sim {

using core::Exit;
using core::Notified;
using core::Role;
using Life = Process::Life;

void Machine::say(const Process& process, Notified::What what, std::int64_t value) {
  words.push_back({process.unit, process.attempt, what, value, false, false, false});
}

void Machine::say_ready(Process& process) {
  if (!process.owns) process.said_ready = true;
  say(process, Notified::What::Ready, 0);
}

void Machine::say_name(const Process& process, bool owned) {
  words.push_back({process.unit, process.attempt, Notified::What::Ready, 0, true, owned, false});
}

// Memory is short, and a helper or the main process of some unit goes.
void Machine::starve() {
  std::vector<Process*> able;
  for (Process& process : processes) {
    const bool counts = process.attempt != 0 && core::is_main(process.role) && !process.unkillable;
    if (counts && process.life == Life::Running) able.push_back(&process);
  }
  if (able.empty()) return;
  Process& process = *able[pick(able.size())];
  words.push_back({process.unit, process.attempt, Notified::What::Ready, 0, false, false, true});
  if (helpers[process.unit] > 0 && rng_.chance(50)) {
    --helpers[process.unit];
  } else {
    process.starved = true;
    end(process, {Exit::Kind::Signal, 9});
  }
}

bool Machine::has_to_say(const Process& process) const {
  if (process.attempt == 0) return false;  // nobody listens to it yet
  const bool unready = process.speaks && !process.said_ready && !process.hangs;
  return unready || process.reloading || process.leaving;
}

bool Machine::speak(Process& process) {
  if (process.speaks && !process.said_ready && !process.hangs) {
    if (!process.owns) return say_ready(process), true;
    process.said_ready = true;
    say_name(process, true);
    return true;
  }
  if (process.reloading) {
    process.reloading = false;
    say_ready(process);
    return true;
  }
  if (process.leaving) {
    end(process, {Exit::Kind::Code, 0});
    return true;
  }
  if (!faults.chatty || !rng_.chance(30)) return false;
  gossip(process);
  return true;
}

// Anything, at any time.
void Machine::gossip(Process& process) {
  const auto what = static_cast<Notified::What>(rng_.below(8));
  std::int64_t value = 1'000'000LL * rng_.below(3000);
  if (what == Notified::What::Ready) return say_ready(process);
  if (what == Notified::What::Reloading) process.reloading = true;
  if (what == Notified::What::Stopping) process.leaving = true;
  if (what == Notified::What::WatchdogFailed && !rng_.chance(20)) return;
  const Process teller = process;  // the next line moves them all
  if (what == Notified::What::MainPid) value = main_to_name(teller);
  if (what == Notified::What::WatchdogTime && value < 150'000'000) value = 0;
  say(teller, what, value);
}

// A new one, itself, or whoever is found.
int Machine::main_to_name(const Process& teller) {
  if (rng_.chance(80)) return fork(teller);
  return rng_.chance(50) ? teller.pid : 0;
}

int Machine::fork(const Process& parent) {
  Process child;
  child.unit = parent.unit;
  child.pid = free_pid();
  child.life = Life::Running;
  child.lasting = true;
  child.speaks = parent.speaks;
  child.owns = parent.owns;
  child.stubborn = parent.stubborn;
  if (child.pid != 0) processes.push_back(child);
  return child.pid;
}

void Machine::watch(const std::string& unit, const core::WatchMain& action) {
  const auto same = [&](const Process& p) { return p.unit == unit && p.attempt == action.attempt; };
  if (std::any_of(processes.begin(), processes.end(), same)) return;  // carried out before
  const auto meant = [&](const Process& p) {
    return p.unit == unit && p.attempt == 0 && p.alive() && (action.pid == 0 || p.pid == action.pid);
  };
  bool first = true;
  for (Process& other : processes) {  // the one before is a helper from here on
    if (other.unit != unit || other.attempt == 0 || !core::is_main(other.role)) continue;
    first = other.forks;
    other.role = Role::Stop;
    other.lasting = other.speaks = false;
  }
  const auto found = std::find_if(processes.begin(), processes.end(), meant);
  if (found != processes.end()) {
    found->attempt = action.attempt;
    return;
  }
  Process gone;
  gone.unit = unit;
  gone.attempt = action.attempt;
  gone.life = first ? Life::NeverBorn : Life::Dead;
  gone.exit = {Exit::Kind::Code, action.pid == 0 ? 0 : 1};
  processes.push_back(gone);
}

bool Machine::answers_well(const std::string& unit, const Question& question) {
  const auto asked = [&](const Process& p) {
    return p.unit == unit && p.attempt == question.attempt && p.life == Life::Running;
  };
  if (std::none_of(processes.begin(), processes.end(), asked)) return false;
  return !faults.unwell || !rng_.chance(40);
}

}  // namespace init::sim
