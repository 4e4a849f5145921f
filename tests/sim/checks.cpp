#include <algorithm>
#include <array>
#include <cstdio>

#include "libinit/core/policy.h"
#include "tests/sim/oracle.h"
#include "tests/sim/simulation.h"
#include "tests/sim/topology.h"

namespace init::sim {

using core::State;
using core::UnitIndex;
using core::UnitRecord;
using unit::DependencyKind;

constexpr Duration kIdleWait = std::chrono::seconds(5);

namespace {

bool is_held_by_request(const UnitRecord& record) {
  return record.goal == core::Goal::Held && record.cause == 0;
}

std::set<std::string> preparers_of(const unit::Unit& unit) {
  std::set<std::string> names;
  for (const unit::Dependency& d : unit.dependencies) {
    if (d.kind == DependencyKind::PreparedBy && d.target != unit.id) names.insert(d.target);
  }
  return names;
}

// A preparation, or the first process of a forking service, that ends well: the service has not ended with
// it.
bool is_on_the_way(const UnitRecord& was, const core::Policy& policy, const core::Exit& exit) {
  if (was.state == State::PreStart || was.state == State::Condition)
    return exit == core::Exit{core::Exit::Kind::Code, 0};
  const bool early = was.state == State::Starting || was.state == State::Forking ||
                     was.state == State::Readying || was.state == State::PostStart;
  const bool first = was.word == core::Word::Forked && core::word_of(policy) == core::Word::Forked &&
                     (was.flags & core::kFound) == 0;
  return early && first && core::is_clean(policy, exit);
}

}  // namespace

std::string Simulation::name(UnitIndex unit) const {
  return unit < engine_.graph()->size() ? std::string(engine_.graph()->name(unit)) : "nobody";
}
std::optional<UnitIndex> Simulation::index(const std::string& name) const {
  return engine_.graph()->find(name);
}
const unit::Unit* Simulation::definition(const std::string& name) const {
  return Oracle(units_).find(name);
}

void Simulation::trace(const std::string& line) const {
  if (options_.trace)
    std::printf("%10lld %s\n", static_cast<long long>(now_.since_epoch.count() / 1000000), line.c_str());
}

void Simulation::fail(const std::string& what) {
  trace("!!! " + what);
  for (const unit::Unit& unit : units_) {
    if (options_.trace && index(unit.id)) trace("    " + unit.id + ": " + shown(unit.id));
  }
  if (failure_.empty()) failure_ = what;
}

std::string Simulation::described(const core::Event& event) const {
  constexpr std::array kWords = {"requested",  "job dropped", "spawned",     "executed", "not spawned",
                                 "exited",     "group empty", "timer fired", "notified", "probed",
                                 "name owned", "reloaded",    "shutdown",    "starved"};
  const auto unit_of = [](const auto& e) {
    if constexpr (requires { e.unit; }) return e.unit;
    return core::kNoUnit;
  };
  return std::string(kWords[event.index()]) + ": " + name(std::visit(unit_of, event));
}

bool Simulation::truly_up(const unit::Unit& unit) const {
  const UnitRecord& record = engine_.record(*index(unit.id));
  if (record.state == State::Up || (record.flags & (core::kDone | core::kSkipped)) != 0) return true;
  return std::any_of(machine_.processes.begin(), machine_.processes.end(), [&](const Process& p) {
    const bool runs = p.life == Process::Life::Running || (p.life == Process::Life::Dead && !p.told_end);
    return p.unit == unit.id && p.attempt == record.main_attempt && runs;
  });
}

bool Simulation::is_up_or_done(const std::string& name) const {
  const auto unit = index(name);
  if (!unit) return false;
  const UnitRecord& record = engine_.record(*unit);
  // What was skipped and is wanted anew is asked again first.
  const bool skipped = (record.flags & core::kSkipped) != 0 && record.goal != core::Goal::Up;
  const bool done = core::is_down(record.state) && (skipped || (record.flags & core::kDone) != 0);
  return core::is_up(record.state) || (done && definition(name) != nullptr);
}

// Is something wanted that must not be up together with it?
bool Simulation::is_excluded(const std::string& name) const {
  return std::any_of(units_.begin(), units_.end(), [&](const unit::Unit& unit) {
    const bool wanted = engine_.record(*index(unit.id)).goal == core::Goal::Up;
    const auto excludes = [&](const unit::Dependency& d) {
      if (d.kind != DependencyKind::Conflicts || d.target == unit.id) return false;
      const auto target = index(d.target);
      if (!target) return false;
      return unit.id == name ? engine_.record(*target).goal == core::Goal::Up : wanted && d.target == name;
    };
    return std::any_of(unit.dependencies.begin(), unit.dependencies.end(), excludes);
  });
}

std::set<std::string> Simulation::up_or_done() const {
  std::set<std::string> names;
  for (const unit::Unit& unit : units_) {
    if (is_up_or_done(unit.id)) names.insert(unit.id);
  }
  return names;
}

std::set<std::string> Simulation::refused() const {
  std::set<std::string> names;
  for (UnitIndex unit = 0; unit < engine_.graph()->size(); ++unit) {
    if (engine_.graph()->on_strong_cycle(unit)) names.insert(name(unit));
  }
  return names;
}

std::string Simulation::shown(const std::string& unit) const {
  const core::UnitView view = engine_.view(*index(unit));
  return std::string(core::name(view.phase)) + ", " + std::string(core::name(view.reason)) + ", goal " +
         std::to_string(static_cast<int>(view.goal)) + (view.leftover ? ", leftover" : "") + ", for " +
         name(view.blocked_by) + " by " + std::to_string(static_cast<int>(view.blocked_kind));
}

// Needs it, in order. What a link says orders weakly: on a cycle it gives way.
bool Simulation::must_follow(const unit::Unit& unit, const unit::Unit& other) const {
  if (&unit == &other || !needs_in_order(unit, other)) return false;
  const auto cycles = engine_.graph()->cycles();
  return !links(unit, other.id) || std::none_of(cycles.begin(), cycles.end(), [&](const auto& cycle) {
    const auto lies = [&](const std::string& name) {
      return std::count(cycle.members.begin(), cycle.members.end(), *index(name)) != 0;
    };
    return lies(unit.id) && lies(other.id);
  });
}

// S3: whatever it needs in order is up when its first process is asked for.
void Simulation::check_spawn(const core::Spawn& spawn, const std::vector<UnitRecord>& before) {
  const State was = before[spawn.unit].state;
  if (!core::is_main(spawn.role) || core::is_starting(was)) return;
  const unit::Unit* unit = definition(name(spawn.unit));
  if (unit == nullptr) return fail("S3: a unit without a file is started");
  const core::Role first = !unit->service.condition_commands.empty() ? core::Role::Condition
                           : !unit->service.pre_start.empty()        ? core::Role::PreStart
                                                                     : core::Role::Main;
  if (spawn.role != first) fail("S3: a run of " + name(spawn.unit) + " begins in the middle");
  const core::Policy& policy = engine_.graph()->policy(spawn.unit);
  if (!core::begins_run(policy, first) ||
      (first != core::Role::Main && core::begins_run(policy, core::Role::Main)))
    fail("S3: a run of " + name(spawn.unit) + " is said to begin with another process");
  for (const unit::Unit& other : units_) {
    if (!must_follow(*unit, other)) continue;
    // What prepares another unit may end one run and be asked for the next in the same moment.
    const UnitRecord& now = engine_.record(*index(other.id));
    const bool same_run = core::is_starting(now.state) && now.attempt == before[*index(other.id)].attempt;
    if (anew_.count(other.id) != 0 && !same_run) continue;
    if (!truly_up(other))
      fail("S3: " + unit->id + " starts before " + other.id + " is up: " + shown(other.id));
  }
  for (const std::string& other : preparers_of(*unit)) {
    // It is enough that it is up; so it is of what runs as a service, and is a oneshot since a reload.
    if (!engine_.graph()->policy(*index(other)).oneshot ||
        engine_.record(*index(other)).state == State::Running)
      continue;
    const core::Attempt ran = engine_.record(*index(other)).attempt;
    if (std::exchange(prepared_[{unit->id, other}], ran) == ran)
      fail("S3: " + unit->id + " starts though " + other + " has not run for it");
  }
}

// S3, backwards: what needs it in order is down when it is told to stop.
void Simulation::check_stop(UnitIndex stopped) {
  const UnitRecord& record = engine_.record(stopped);
  const unit::Unit* unit = definition(name(stopped));
  if (unit == nullptr || record.state != State::Stopping || record.end != core::End::Asked) return;
  if (record.stop_step != 0 || anew_.count(unit->id) != 0) return;
  for (const unit::Unit& other : units_) {
    if (!must_follow(other, *unit) || refused().count(other.id) != 0) continue;
    const auto says_stop = [](const unit::Unit& a, const unit::Unit& b) {
      return std::any_of(a.dependencies.begin(), a.dependencies.end(), [&](const unit::Dependency& d) {
        return d.target == b.id &&
               (d.kind == DependencyKind::StopAfter || d.kind == DependencyKind::StopBefore);
      });
    };
    if (says_stop(other, *unit) || says_stop(*unit, other)) continue;
    if (!core::is_down(engine_.record(*index(other.id)).state)) {
      fail("S3: " + unit->id + " is stopped before " + other.id);
    }
  }
}

// S2: it came up in this very event because it has said that it is ready, or was found to be.
void Simulation::check_readiness(const core::Event& event, const std::vector<UnitRecord>& before) {
  const auto* probed = std::get_if<core::Probed>(&event);
  const auto* fired = std::get_if<core::TimerFired>(&event);
  for (UnitIndex unit = 0; unit < before.size(); ++unit) {
    const UnitRecord& was = before[unit];
    const UnitRecord& record = engine_.record(unit);
    const bool came = (was.state == State::Starting || was.state == State::Readying) &&
                      (record.state == State::PostStart || record.state == State::Running);
    if (!came || was.main_attempt != record.main_attempt || (was.flags & core::kFound) != 0) continue;
    const core::Policy& policy = engine_.graph()->policy(unit);
    const bool found = (probed != nullptr && probed->unit == unit && probed->ok) ||
                       (fired != nullptr && fired->unit == unit && fired->kind == core::TimerKind::Probe);
    const bool said =
        std::any_of(machine_.processes.begin(), machine_.processes.end(), [&](const Process& p) {
          return p.unit == name(unit) && p.attempt == record.main_attempt && (!p.speaks || p.said_ready);
        });
    // A reload may have brought another type: then nothing is awaited of what was started as the one before.
    const core::Word awaited = was.word == core::word_of(policy) ? was.word : core::Word::None;
    const bool tells = awaited == core::Word::Ready;
    const bool is_asked = awaited == core::Word::None && policy.ready.kind != unit::ProbeKind::None;
    if ((tells && !said) || (is_asked && !found && (was.flags & core::kTold) == 0))
      fail("S2: " + name(unit) + " is up before it is ready");
  }
}

// S8: a wait for the next try ends by its own timer, a request, or a stop.
void Simulation::check_backoff(const core::Event& event, const std::vector<UnitRecord>& before) {
  const auto* fired = std::get_if<core::TimerFired>(&event);
  const auto* request = std::get_if<core::Requested>(&event);
  std::set<std::string> called = called_by_ends(wanted_);
  if (request != nullptr) {
    called.merge(called_by(*request));
    called.merge(called_to_prepare());  // a stop may let another be prepared
    called.insert(
        name(request->unit));  // a stop or reset-failed too: what has another reason to run begins anew
  }
  for (UnitIndex unit = 0; unit < before.size(); ++unit) {
    const auto waits = [](const UnitRecord& r) {
      return r.state == State::Backoff || r.state == State::LongBackoff;
    };
    const UnitRecord& record = engine_.record(unit);
    const core::Policy& policy = engine_.graph()->policy(unit);
    const bool asked = called.count(name(unit)) != 0;
    if (waits(record) && !waits(before[unit])) {
      const std::int64_t delay = core::deadline_of(record, core::TimerKind::Restart) - record.since_ns;
      if (delay < policy.restart_delay.count()) fail("S8: the delay of " + name(unit) + " is too short");
      if (delay > policy.restart_delay_max.count()) fail("S8: the delay of " + name(unit) + " is too long");
      if (policy.burst != 0 && record.window_count > policy.burst)
        fail("S8: the limit of " + name(unit) + " is passed");
      const bool crashed = record.restarts == before[unit].restarts;
      if (crashed && !asked && before[unit].goal == core::Goal::Up)
        fail("S8: an uncounted restart of " + name(unit));
    }
    if (!waits(before[unit]) || waits(record) || asked || record.goal != core::Goal::Up) continue;
    const bool own_timer = fired != nullptr && fired->unit == unit && fired->kind == core::TimerKind::Restart;
    const bool on_time =
        own_timer && now_.since_epoch.count() >= core::deadline_of(before[unit], core::TimerKind::Restart);
    if (!on_time) fail("S8: " + name(unit) + " is tried again too soon");
  }
}

// S8: who gives up at its restart limit calls whom it names.
void Simulation::check_limit(const std::vector<UnitRecord>& before) {
  for (const unit::Unit& unit : units_) {
    const UnitIndex at = *index(unit.id);
    const bool gave_up = before[at].state != State::Failed && engine_.record(at).state == State::Failed;
    if (!gave_up || engine_.record(at).reason != core::Reason::RestartLimit) continue;
    for (const unit::Dependency& d : unit.dependencies) {
      if (d.kind != DependencyKind::OnRestartLimit || definition(d.target) == nullptr || stopping_) continue;
      const auto& called = definition(d.target)->dependencies;
      const bool skipped = std::any_of(called.begin(), called.end(), [this](const unit::Dependency& needed) {
        return needed.kind == DependencyKind::Requisite && !is_up_or_done(needed.target);
      });
      if (skipped) continue;  // its wish ends with the call
      if (engine_.record(*index(d.target)).goal != core::Goal::Up && !is_excluded(d.target))
        fail("S8: " + d.target + " is not called at the restart limit of " + unit.id);
    }
  }
}

// S15: a unit whose policy says so is stopped when the kernel kills in it; nothing else is moved by that.
void Simulation::check_starved(const core::Starved& starved, const UnitRecord& was) {
  const UnitRecord& record = engine_.record(starved.unit);
  const bool lives = starved.attempt != 0 && starved.attempt == was.main_attempt;
  const bool ends = lives && (core::is_up(was.state) || core::is_starting(was.state)) &&
                    engine_.graph()->policy(starved.unit).stop_when_starved;
  if (ends && (!core::is_stopping(record.state) || record.reason != core::Reason::OutOfMemory))
    fail("S15: " + name(starved.unit) + " goes on without what the kernel took");
  if (!ends && (record.state != was.state || record.reason != was.reason))
    fail("S15: " + name(starved.unit) + " is moved by what is no matter of its own");
}

// S6: a start that fails because its time was up says so, and no other does; refused is only who just asked.
void Simulation::check_answer(const core::JobFinished& finished, const core::Event& event) {
  const auto job = jobs_.find(finished.job);
  if (job == jobs_.end() || finished.unit >= engine_.graph()->size()) return;
  const core::Verb verb = job->second.verb;
  const bool start =
      verb == core::Verb::Start || verb == core::Verb::Restart || verb == core::Verb::TryRestart;
  const auto* request = std::get_if<core::Requested>(&event);
  const bool asks = request != nullptr && request->job == finished.job;
  if (start && finished.outcome == core::JobOutcome::Refused && !asks)
    fail("S6: job " + std::to_string(finished.job) + " was taken, and is refused");
  if (start && finished.outcome == core::JobOutcome::Skipped &&
      engine_.record(finished.unit).state == State::Failed)
    fail("S6: job " + std::to_string(finished.job) + " is told that what has failed was skipped");
  const core::Reason reason = engine_.record(finished.unit).reason;
  const bool goes_on =
      core::is_starting(engine_.record(finished.unit).state);  // as the next run, for another reason
  if (!start || finished.cause != finished.unit || reason == core::Reason::RestartLimit || goes_on) return;
  if ((finished.outcome == core::JobOutcome::TimedOut && !core::is_late(reason)) ||
      (finished.outcome == core::JobOutcome::Failed && core::is_late(reason)))
    fail("S6: job " + std::to_string(finished.job) +
         " is told another reason: " + shown(name(finished.unit)));
}

// S17: of a unit's requests the last is kept, by whom it was.
void Simulation::check_admins(const core::Event& event, const std::vector<UnitRecord>& before) {
  const auto* request = std::get_if<core::Requested>(&event);
  for (UnitIndex unit = 0; unit < before.size(); ++unit) {
    const std::uint32_t now = engine_.record(unit).admin_uid;
    const bool asked = request != nullptr && request->unit == unit;
    if (now != before[unit].admin_uid && (!asked || now != request->uid))
      fail("S17: " + name(unit) + " has another admin than it was asked by");
  }
  if (request == nullptr || request->boot || request->unit >= before.size()) return;
  const bool taken = std::none_of(wanted_.begin(), wanted_.end(), [&](const core::Action& action) {
    const auto* finished = std::get_if<core::JobFinished>(&action);
    return finished != nullptr && finished->job == request->job &&
           finished->outcome == core::JobOutcome::Refused;
  });
  const bool lasting = request->verb == core::Verb::Start || request->verb == core::Verb::Stop;
  if (taken && lasting && engine_.record(request->unit).admin_uid != request->uid)
    fail("S17: it is not kept who asked for " + name(request->unit));
}

// S6: who waits for a start whose condition says no hears just that.
void Simulation::check_skipped(const core::JobFinished& finished, const std::vector<UnitRecord>& before) {
  const auto job = jobs_.find(finished.job);
  if (job == jobs_.end() || finished.unit >= before.size()) return;
  const core::Verb verb = job->second.verb;
  const bool start =
      verb == core::Verb::Start || verb == core::Verb::Restart || verb == core::Verb::TryRestart;
  const bool skipped =
      ((engine_.record(finished.unit).flags & ~before[finished.unit].flags) & core::kSkipped) != 0;
  if (start && skipped && finished.outcome != core::JobOutcome::Skipped)
    fail("S6: job " + std::to_string(finished.job) + " is not told that " + name(finished.unit) +
         " was skipped");
}

void Simulation::check_event(const core::Event& event, const std::vector<UnitRecord>& before) {
  trace(described(event));
  if (const auto* request = std::get_if<core::Requested>(&event)) {
    trace("request " + std::to_string(request->job) + " verb " +
          std::to_string(static_cast<int>(request->verb)) + " " + name(request->unit));
    const auto refused = [&](const core::Action& action) {
      const auto* finished = std::get_if<core::JobFinished>(&action);
      return finished != nullptr && finished->job == request->job &&
             finished->outcome == core::JobOutcome::Refused;
    };
    if (std::none_of(wanted_.begin(), wanted_.end(), refused)) {
      if (request->verb == core::Verb::Stop) held_.insert(name(request->unit));
      for (const std::string& called : called_by(*request)) held_.erase(called);
    }
  }
  // S4: an exit is consumed once, as it was.
  if (const auto* exited = std::get_if<core::Exited>(&event)) {
    const UnitRecord& record = engine_.record(exited->unit);
    const UnitRecord& was = before[exited->unit];
    if (was.main_attempt == exited->attempt && exited->attempt != 0) {
      if (record.main_attempt == exited->attempt) fail("S4: an exit was not consumed");
      const bool kept = !is_on_the_way(was, engine_.graph()->policy(exited->unit), exited->exit);
      const core::Exit shown = kept ? exited->exit : core::Exit{was.exit_kind, was.exit_value};
      if (core::Exit{record.exit_kind, record.exit_value} != shown) fail("S4: an exit was changed");
    }
  }
  if (const auto* starved = std::get_if<core::Starved>(&event))
    check_starved(*starved, before[starved->unit]);
  // S8: a process that could not be made for want of resources is no failure of its unit.
  const auto* unborn = std::get_if<core::SpawnFailed>(&event);
  if (unborn != nullptr && unborn->kind == core::SpawnError::Resources) {
    const UnitRecord& was = before[unborn->unit];
    const bool awaited =
        core::is_starting(was.state) && was.main_attempt == unborn->attempt && unborn->attempt != 0;
    if (awaited && engine_.record(unborn->unit).state != was.state)
      fail("S8: a spawn failure counts as a failure");
  }
  const auto ended = [&](UnitIndex unit) {
    const auto* exited = std::get_if<core::Exited>(&event);
    return exited != nullptr && exited->unit == unit;
  };
  for (const core::Action& action : wanted_) {
    if (const auto* spawn = std::get_if<core::Spawn>(&action)) check_spawn(*spawn, before);
    if (const auto* finished = std::get_if<core::JobFinished>(&action)) {
      check_skipped(*finished, before);
      check_answer(*finished, event);
    }
    const auto* signal = std::get_if<core::Signal>(&action);
    if (signal == nullptr) continue;
    // What is down, or survives KILL, may have left something behind, which is ended before its next start.
    const State was = before[signal->unit].state;
    const bool on_its_way = core::is_stopping(was) && was != State::StopWaiting;
    if (!on_its_way && !core::is_down(was) && !ended(signal->unit)) check_stop(signal->unit);
  }
  check_admins(event, before);
  check_readiness(event, before);
  check_backoff(event, before);
  check_limit(before);
}

void Simulation::release_called(const std::vector<core::Action>& actions) {
  for (const std::string& called : called_by_ends(actions)) held_.erase(called);
}

void Simulation::check_always() {
  for (const std::string& unit : held_) {
    const auto known = index(unit);
    if (known && engine_.record(*known).goal == core::Goal::Up)
      fail("S5: " + unit + " was stopped and is wanted again");
  }
  std::array<std::uint32_t, core::kPublicStates> counts{};
  for (UnitIndex unit = 0; unit < engine_.graph()->loaded_count(); ++unit) {
    ++counts[static_cast<std::size_t>(core::public_state(engine_.record(unit).state))];
  }
  if (counts != engine_.counts()) fail("counts do not add up");
  check_system_state();
  // S8: whatever else happens, who waits for quiet goes on in time.
  for (UnitIndex unit = 0; unit < engine_.graph()->size(); ++unit) {
    const UnitRecord& record = engine_.record(unit);
    if (record.state != State::Idling) continue;
    const auto timer = timers_.find({name(unit), core::TimerKind::Restart});
    if (timer == timers_.end() ||
        timer->second.deadline > MonotonicTime{Duration(record.since_ns)} + kIdleWait)
      fail("S8: " + name(unit) + " waits too long for quiet");
  }
  check_ends();
  // S2: what is said to run has a process, or one whose end is not yet told.
  for (UnitIndex unit = 0; unit < engine_.graph()->size(); ++unit) {
    const UnitRecord& record = engine_.record(unit);
    if (record.state != State::Running) continue;
    const auto known = [&](const Process& p) {
      return p.unit == name(unit) && p.attempt == record.main_attempt;
    };
    if (std::none_of(machine_.processes.begin(), machine_.processes.end(), known)) {
      fail("S2: " + name(unit) + " is said to run and does not");
    }
  }
}

// S2: a process that is told has been told of, as the unit's main one. S7: what has nothing left to end has
// ended.
void Simulation::check_ends() {
  for (UnitIndex unit = 0; unit < engine_.graph()->size(); ++unit) {
    const UnitRecord& record = engine_.record(unit);
    const auto is_unborn = [&](const Process& p) {
      return p.unit == name(unit) && p.attempt == record.main_attempt && p.life == Process::Life::Spawning &&
             !p.told_birth;
    };
    const auto& all = machine_.processes;
    if (record.main_pid != 0 && (record.main_attempt == 0 || std::any_of(all.begin(), all.end(), is_unborn)))
      fail("S2: " + name(unit) + " shows a process that it has not");
    const unit::KillMode mode = engine_.graph()->policy(unit).kill_mode;
    const bool group = mode == unit::KillMode::Group || mode == unit::KillMode::Mixed;
    const bool left = record.main_attempt != 0 || record.control_attempt != 0 ||
                      (group && (record.flags & core::kGroup) != 0);
    const bool ends =
        record.state == State::Stopping || record.state == State::Aborting || record.state == State::KillWait;
    if (record.state == State::Running && (record.flags & core::kReloading) != 0)
      fail("S2: " + name(unit) + " runs, and says that it reloads");
    const bool tries = record.state == State::Backoff || record.state == State::LongBackoff ||
                       record.state == State::Reloading || core::is_starting(record.state);
    if (!tries && core::deadline_of(record, core::TimerKind::Restart) != 0)
      fail("S8: the next try of " + name(unit) + " is armed, and nothing waits for it");
    if (ends && !left) fail("S7: " + name(unit) + " ends, and nothing of it is left");
  }
}

// S17 for the whole: on its way down, with something that has failed, on its way up, or none of these.
void Simulation::check_system_state() {
  using core::SystemState;
  const auto jobs = engine_.jobs();
  const bool boots = std::any_of(jobs.begin(), jobs.end(), [this](const core::JobView& job) {
    return job.verb == core::JobVerb::Start && (engine_.record(job.unit).flags & core::kByBoot) != 0;
  });
  const bool degraded = engine_.counts()[static_cast<std::size_t>(core::PublicState::Failed)] != 0;
  const SystemState up = degraded ? SystemState::Degraded
                         : boots  ? SystemState::Starting
                                  : SystemState::Running;
  const SystemState told = engine_.system_state();
  if (told != up && (told != SystemState::Stopping || !stopping_))
    fail("S17: the state of the system is not so");
}

void Simulation::check_jobs_answered() {
  for (const auto& [id, job] : jobs_) {
    if (!job.outcome) fail("S6: job " + std::to_string(id) + " for " + job.unit + " was never answered");
  }
}

void Simulation::check_rest() {
  if (!failure_.empty()) return;
  check_jobs_answered();
  for (const unit::Unit& unit : units_) {
    const UnitRecord& record = engine_.record(*index(unit.id));
    if (record.goal != core::Goal::Up) {
      if (!core::is_down(record.state)) fail("S7: " + unit.id + " is not wanted and is " + shown(unit.id));
      continue;
    }
    if (core::is_up(record.state)) continue;
    if (record.state == State::Failed && record.reason != core::Reason::Unkillable) continue;
    if (record.state != State::Blocked) fail("S7: " + unit.id + " rests in " + shown(unit.id));
    const bool lacks =
        std::any_of(unit.dependencies.begin(), unit.dependencies.end(), [&](const unit::Dependency& d) {
          const bool prepares = d.kind == DependencyKind::PreparedBy;
          if (prepares && (is_excluded(d.target) || definition(d.target) == nullptr)) return true;
          if (prepares && is_held_by_request(engine_.record(*index(d.target)))) return true;
          return (prepares || needs(unit, d.target)) && !is_up_or_done(d.target);
        });
    if (!lacks && !is_excluded(unit.id) && refused().count(unit.id) == 0)
      fail("S7: " + unit.id + " is blocked by nothing: " + shown(unit.id));
  }
}

}  // namespace init::sim
