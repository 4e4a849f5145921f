#include "tests/sim/simulation.h"

#include <algorithm>
#include <cstring>

#include "tests/sim/oracle.h"
#include "tests/sim/topology.h"

namespace init::sim {

using core::Requested;
using core::Verb;
using std::chrono::milliseconds;

namespace {

constexpr std::uint32_t kLongEnough = 20000;  // steps within which everything comes to rest

// What is rare in most worlds is common in some; in none of those that CMakeLists.txt names.
enum class Rare : std::uint8_t { Reloads = 2, Ends = 5 };

bool has(const Options& options, Rare what) {
  return !options.simple && !options.race && options.seed % 8 == static_cast<std::uint64_t>(what);
}

std::vector<unit::Unit> first_units(Rng& rng, const Options& options) {
  if (options.race) return race_units(rng);
  const bool cycles = rng.chance(25);
  return random_units(rng, {cycles, options.simple, has(options, Rare::Ends), has(options, Rare::Reloads)});
}

}  // namespace

Simulation::Simulation(const Options& options)
    : options_(options),
      rng_(options.seed * 0x2545f4914f6cdd1dU + 1),
      dice_(options.seed + 2),
      units_(first_units(rng_, options)),
      machine_(rng_, 8 + static_cast<int>(rng_.below(40))),
      engine_(graph_of(units_), options.seed) {
  swarm_.crashes = rng_.chance(50);
  swarm_.reloads = rng_.chance(30);
  swarm_.stale = rng_.chance(50);
  swarm_.jumps = rng_.chance(30);
  Faults& faults = machine_.faults;
  faults.exits = rng_.chance(70);
  faults.stubborn = rng_.chance(40);
  faults.unkillable = rng_.chance(20);
  faults.fork_fails = rng_.chance(30);
  faults.exec_fails = rng_.chance(30);
  faults.helpers = rng_.chance(40);
  faults.slow = rng_.chance(40);
  Rng words(options.seed + 3);
  faults.chatty = !options.simple && words.chance(40);
  faults.unwell = !options.simple && words.chance(40);
  faults.starves = !options.simple && words.chance(30);
  faults.extreme = has(options, Rare::Ends);
  if (!has(options, Rare::Reloads)) return;
  faults.chatty = faults.slow = true;
  faults.unkillable = false;
}

void Simulation::trace_units() const {
  for (const unit::Unit& unit : units_) {
    std::string line = unit.id;
    for (const unit::Dependency& d : unit.dependencies) {
      line += " " + std::to_string(static_cast<int>(d.kind)) + "=" + d.target;
    }
    trace(line);
  }
}

Verdict Simulation::run() {
  trace_units();
  for (std::uint32_t i = 0; i < options_.steps && failure_.empty(); ++i) step();
  const bool sudden = rng_.chance(has(options_, Rare::Reloads) ? 60 : 20);
  if (!sudden) {
    rest();
    for (int i = 0; i < 4; ++i) probe();
  }
  shut_down();
  return {failure_, hash_, events_, digest_};
}

void Simulation::step() {
  const std::uint32_t dice = rng_.below(100);
  if (dice < 40) {
    if (!deliver_something()) machine_.act();
  } else if (dice < 70) {
    machine_.act();
  } else if (dice < 85) {
    pass_time(milliseconds(rng_.below(swarm_.jumps && rng_.chance(5) ? 1'000'000 : 400)));
  } else if (dice < 96) {
    ask_something();
  } else if (dice < 98) {
    if (swarm_.stale) repeat_something_stale();
  } else if (swarm_.reloads && rng_.chance(30)) {
    reload(rng_);
  }
}

void Simulation::ask_something() {
  constexpr Verb kVerbs[] = {Verb::Start, Verb::Start,   Verb::Start,  Verb::Start,      Verb::Stop,
                             Verb::Stop,  Verb::Restart, Verb::Reload, Verb::TryRestart, Verb::ResetFailed};
  Requested request;
  request.job = ++last_job_;
  request.verb = kVerbs[rng_.below(10)];
  if (has(options_, Rare::Reloads) && rng_.chance(50)) request.verb = Verb::Reload;
  request.unit = rng_.below(static_cast<std::uint32_t>(engine_.graph()->size()));
  request.uid = static_cast<std::uint32_t>(1000 + request.job % 1000);
  request.boot = rng_.chance(10);
  jobs_[request.job] = {request.verb, name(request.unit), {}};
  tell(request);
  if (rng_.chance(3)) {
    jobs_.erase(request.job);
    tell(core::JobDropped{request.job});
  }
}

void Simulation::reload(Rng& dice) {
  std::vector<unit::Unit> next = units_;
  Rng fresh(dice.next());
  std::vector<unit::Unit> other = random_units(fresh, {false, options_.simple, false});
  const std::size_t which = dice.below(static_cast<std::uint32_t>(next.size()));
  if (dice.chance(30) && next.size() > 1) {
    next.erase(next.begin() + static_cast<std::ptrdiff_t>(which));
  } else {
    const auto same = [&](const unit::Unit& unit) { return unit.id == other[0].id; };
    next.erase(std::remove_if(next.begin(), next.end(), same), next.end());
    next.push_back(other[0]);
  }
  units_ = next;
  trace_units();
  timers_.clear();
  tell(core::Reloaded{graph_of(units_)});
  for (auto it = committed_.begin(); it != committed_.end();) {
    it = index(it->first) ? std::next(it) : committed_.erase(it);
  }
  std::erase_if(held_,
                [this](const std::string& unit) { return !index(unit); });  // forgotten, and its wish too
}

void Simulation::deliver(Process& process) {
  const auto unit = index(process.unit);
  if (!unit) return void(process.told_end = true);
  const core::Attempt attempt = process.attempt;
  const std::string owner = process.unit;
  if (process.life == Process::Life::NeverBorn) {
    tell(core::SpawnFailed{*unit, attempt, process.error, 5, 11, machine_.group_is_empty(owner)});
  } else if (!process.told_birth) {
    process.told_birth = true;
    return tell(core::Spawned{*unit, attempt, process.pid});
  } else if (!process.told_exec && process.life != Process::Life::Spawning) {
    process.told_exec = true;
    // A death right after exec may overtake the news of the exec.
    if (process.life == Process::Life::Running || rng_.chance(80))
      return tell(core::ExecSucceeded{*unit, attempt});
    return;
  } else {
    tell(core::Exited{*unit, attempt, process.exit, machine_.group_is_empty(owner), process.starved});
  }
  for (Process& told : machine_.processes) {
    if (told.unit == owner && told.attempt == attempt) told.told_end = true;
  }
  machine_.forget_told();
}

bool Simulation::deliver_something() {
  std::vector<std::size_t> waiting;
  for (std::size_t i = 0; i < machine_.processes.size(); ++i) {
    const Process& p = machine_.processes[i];
    const bool news = p.life == Process::Life::Spawning  ? !p.told_birth
                      : p.life == Process::Life::Running ? !p.told_birth || !p.told_exec
                                                         : !p.told_end;
    if (news && p.attempt != 0) waiting.push_back(i);
  }
  std::vector<std::string> empty;
  for (auto& [unit, untold] : machine_.empties) {
    if (untold && !machine_.group_is_empty(unit)) untold = false;
    if (untold) empty.push_back(unit);
  }
  const std::size_t news = waiting.size() + empty.size(), words = machine_.words.empty() ? 0 : 1;
  const std::size_t all = news + words + machine_.questions.size();
  if (all == 0) return false;
  const std::size_t pick = machine_.pick(all);
  if (pick < waiting.size()) {
    deliver(machine_.processes[waiting[pick]]);
  } else if (pick >= news + words) {
    const auto at = std::next(machine_.questions.begin(), static_cast<std::ptrdiff_t>(pick - news - words));
    const auto [unit, question] = *at;
    machine_.questions.erase(at);
    return hear(unit, question);
  } else if (pick >= news) {
    hear_word();
  } else {
    const std::string unit = empty[pick - waiting.size()];
    machine_.empties[unit] = false;
    if (const auto known = index(unit)) tell(core::GroupEmpty{*known});
  }
  return true;
}

bool Simulation::hear(const std::string& unit, const Question& question) {
  const bool ok = machine_.answers_well(unit, question);
  if (const auto known = index(unit))
    tell(core::Probed{*known, question.attempt, question.which, question.serial, ok});
  return true;
}

void Simulation::hear_word() {
  const Word word = machine_.words.front();
  machine_.words.pop_front();
  const auto unit = index(word.unit);
  if (!unit) return;
  if (word.is_starved) return tell(core::Starved{*unit, word.attempt});
  if (word.is_name) return tell(core::NameOwned{*unit, word.owned});
  tell(core::Notified{*unit, word.attempt, word.what, word.value});
}

bool Simulation::fire_next_timer(MonotonicTime until, Which which) {
  auto next = timers_.end();
  for (auto it = timers_.begin(); it != timers_.end(); ++it) {
    const auto unit = index(it->first.first);
    const bool again = unit && core::is_up(engine_.record(*unit).state);
    if (which == Which::Awaited && again && it->first.second != core::TimerKind::Phase &&
        it->first.second != core::TimerKind::Restart)
      continue;
    if (next == timers_.end() || it->second.deadline < next->second.deadline) next = it;
  }
  if (next == timers_.end() || until < next->second.deadline) return false;
  const auto [key, timer] = *next;
  timers_.erase(next);
  now_ = std::max(now_, timer.deadline);
  if (const auto unit = index(key.first)) tell(core::TimerFired{*unit, key.second, timer.serial});
  return true;
}

void Simulation::pass_time(Duration by) {
  const MonotonicTime end = now_ + by;
  // A jump passes many deadlines; the machine lives on in between.
  for (int i = 0; i < 50 && failure_.empty() && fire_next_timer(end); ++i) {
    machine_.act();
    deliver_something();
  }
  now_ = std::max(now_, end);
}

void Simulation::repeat_something_stale() {
  const core::UnitIndex unit = rng_.below(static_cast<std::uint32_t>(engine_.graph()->size()));
  const core::UnitRecord before = engine_.record(unit);
  const std::uint64_t crashes = crashes_;
  core::Attempt old = before.attempt;
  while (old != 0 && (old == before.main_attempt || old == before.control_attempt)) --old;
  if (old != 0 && rng_.chance(50)) {
    tell(core::Exited{unit, old, {core::Exit::Kind::Code, 1}, false});
    tell(core::ExecSucceeded{unit, old});
    tell(core::SpawnFailed{unit, old});
  } else {
    std::uint32_t serial = before.serial;
    const auto& armed = before.timer_serial;
    while (serial != 0 && std::count(armed.begin(), armed.end(), serial) != 0) --serial;
    tell(core::TimerFired{unit, core::TimerKind::Phase, serial});
    tell(core::TimerFired{unit, core::TimerKind::Restart, serial});
  }
  if (crashes == crashes_ && std::memcmp(&before, &engine_.record(unit), sizeof(before)) != 0)
    fail("a stale event moved " + name(unit));
}

void Simulation::rest() {
  trace("--- faults off");
  faulty_ = false;
  machine_.heal();
  for (std::uint32_t i = 0; failure_.empty(); ++i) {
    if (i == kLongEnough) return fail("S7: does not come to rest");
    if (deliver_something() || machine_.act()) continue;
    bool moved = false;
    for (core::UnitIndex unit = 0; unit < engine_.graph()->size(); ++unit) {
      // What nobody will signal (any more) ends by itself; after KILL nothing has to.
      const core::UnitRecord& record = engine_.record(unit);
      const bool alone = core::deadline_of(record, core::TimerKind::Phase) == 0 ||
                         engine_.graph()->policy(unit).kill_mode == unit::KillMode::None;
      if (core::is_stopping(record.state) && record.state != core::State::KillWait && alone)
        moved = machine_.end_all(name(unit)) || moved;
    }
    if (!moved && !fire_next_timer(MonotonicTime::never(), Which::Awaited)) break;
  }
  check_rest();
}

void Simulation::probe() {
  if (!failure_.empty()) return;
  const Oracle oracle(units_);
  const unit::Unit& unit = units_[rng_.below(static_cast<std::uint32_t>(units_.size()))];
  // What was skipped is asked again, and needs what it needs.
  std::set<std::string> up = up_or_done();
  std::erase_if(up, [this](const std::string& other) {
    return (engine_.record(*index(other)).flags & core::kSkipped) != 0;
  });
  const bool certain = !unit.refuse_manual_start && !oracle.may_be_stopped(oracle.reach(unit.id, true)) &&
                       oracle.can_run(unit.id, up, refused());
  const core::JobId job = ++last_job_;
  jobs_[job] = {Verb::Start, unit.id, {}};
  trace("--- probe " + unit.id + (certain ? ", must come up" : ""));
  const Requested request{job, Verb::Start, *index(unit.id), 0};
  check_reload_plan(request.unit);
  const core::Plan plan = engine_.plan(request, now_);
  came_up_.clear();
  tell(request);
  rest();
  if (!failure_.empty()) return;
  check_plan(plan, request, certain);
  if (!failure_.empty() || !certain) return;
  if (!is_up_or_done(unit.id)) {
    fail("S7: " + unit.id + " can run, was asked for, and does not: " + shown(unit.id));
  }
  if (jobs_[job].outcome != core::JobOutcome::Done)
    fail("S7: the start of " + unit.id + " was not answered with done");
}

void Simulation::shut_down() {
  if (!failure_.empty()) return;
  trace("--- shutdown");
  stopping_ = true;
  const bool waits = options_.seed % 3 != 0;  // a signal asks for it, too, and nobody waits
  const core::JobId job = waits ? ++last_job_ : 0;
  if (waits) jobs_[job] = {Verb::Stop, "", {}};
  std::set<core::JobId> open;
  for (const core::JobView& view : engine_.jobs()) {
    if (view.verb != core::JobVerb::Stop) open.insert(view.job);
  }
  const std::uint64_t crashes = crashes_;
  tell(core::ShutdownRequested{core::PowerKind::Poweroff, job, 0});
  for (const core::JobId id : open) {
    const auto known = jobs_.find(id);
    const bool same = crashes_ == crashes && known != jobs_.end();
    if (same && known->second.outcome != core::JobOutcome::Canceled)
      fail("S9: job " + std::to_string(id) + " is not told that the system stops");
  }
  for (std::uint32_t i = 0; !powered_ && failure_.empty(); ++i) {
    if (i == kLongEnough) return fail("S9: shutdown does not end");
    if (!machine_.orderly && rng_.chance(3)) ask_something();
    if (deliver_something() || machine_.act()) continue;
    if (!fire_next_timer(MonotonicTime::never())) return fail("S9: shutdown waits for nothing");
  }
  if (failure_.empty()) check_jobs_answered();
}

}  // namespace init::sim
