// Questions put to a copy of the engine, by dice of their own: the world goes on as if nobody had asked.
#include <algorithm>
#include <cstring>

#include "libinit/core/policy.h"
#include "tests/sim/simulation.h"
#include "tests/sim/topology.h"

namespace init::sim {
namespace {

using core::Engine;
using core::Event;
using core::Exit;
using core::State;
using core::UnitIndex;
using core::UnitRecord;

class Heard final : public core::ActionSink {
 public:
  void emit(const core::Action& action) override { actions.push_back(action); }
  std::vector<core::Action> actions;
};

// Those that are not finished: the others are forgotten at the next event, whatever it is.
std::vector<core::JobRecord> open_jobs(const Engine& engine) {
  std::vector<core::JobRecord> jobs = engine.job_records();
  std::erase_if(jobs, [](const core::JobRecord& job) { return job.phase == core::JobPhase::Finished; });
  return jobs;
}

// Of a unit without a file nothing need be kept once it has stopped.
bool may_be_forgotten(const Engine& engine, UnitIndex unit) {
  return !engine.graph()->is_loaded(unit) && core::is_down(engine.record(unit).state) &&
         !engine.view(unit).leftover;
}

// Those of a unit that may be forgotten end with it.
bool same_jobs(const Engine& a, const Engine& b) {
  const auto same = [](const core::JobRecord& x, const core::JobRecord& y) {
    return std::memcmp(&x, &y, sizeof(x)) == 0;
  };
  auto jobs = open_jobs(a);
  const auto others = open_jobs(b);
  std::erase_if(jobs, [&](const core::JobRecord& job) {
    const auto unit = a.graph()->find_tag(job.unit);
    return unit && may_be_forgotten(a, *unit) && !b.graph()->find_tag(job.unit);
  });
  return std::equal(jobs.begin(), jobs.end(), others.begin(), others.end(), same);
}

// What a view adds to the record: whom the unit waits for.
bool same_view(const Engine& a, UnitIndex in_a, const Engine& b, UnitIndex in_b) {
  const auto blocking = [](const Engine& engine, UnitIndex unit) {
    const UnitIndex by = engine.view(unit).blocked_by;
    return by == core::kNoUnit ? std::string_view() : engine.graph()->name(by);
  };
  return blocking(a, in_a) == blocking(b, in_b);
}

// By name: a reload may number the units anew. Empty if nothing differs.
std::string difference_of_units(const Engine& before, const Engine& after) {
  for (UnitIndex unit = 0; unit < before.graph()->size(); ++unit) {
    const std::string name(before.graph()->name(unit));
    const auto found = after.graph()->find_tag(before.graph()->tag(unit));
    if (may_be_forgotten(before, unit)) continue;
    if (!found) return name + " is forgotten";
    if (std::memcmp(&before.record(unit), &after.record(*found), sizeof(UnitRecord)) != 0)
      return "the record of " + name + " differs";
    if (!same_view(before, unit, after, *found)) return name + " waits for another";
  }
  return "";
}

std::string difference(const Engine& before, const Engine& after) {
  if (std::string moved = difference_of_units(before, after); !moved.empty()) return moved;
  if (!same_jobs(before, after)) return "the jobs differ";
  if (before.counts() != after.counts()) return "the counts differ";
  return before.system_state() == after.system_state() ? "" : "the system's state differs";
}

// Attempts that are not those of a process of the unit: none, one of long ago, one that is yet to come.
std::vector<core::Attempt> stale_attempts(const UnitRecord& record, Rng& dice) {
  std::vector<core::Attempt> attempts = {0, record.attempt + 1, dice.below(record.attempt + 1)};
  std::erase_if(attempts, [&](core::Attempt attempt) {
    return attempt != 0 && (attempt == record.main_attempt || attempt == record.control_attempt);
  });
  return attempts;
}

void add_news_of(UnitIndex unit, core::Attempt attempt, Rng& dice, std::vector<Event>& events) {
  const auto error = static_cast<core::SpawnError>(dice.below(3));
  const auto kind = static_cast<Exit::Kind>(dice.below(4));
  events.emplace_back(core::Spawned{unit, attempt, 4711});
  events.emplace_back(core::ExecSucceeded{unit, attempt});
  events.emplace_back(core::SpawnFailed{unit, attempt, error, 7, 12, dice.chance(50)});
  events.emplace_back(core::Starved{unit, attempt});
  const auto what = static_cast<core::Notified::What>(dice.below(8));
  events.emplace_back(core::Notified{unit, attempt, what, 1'000'000'000});
  events.emplace_back(core::Probed{unit, attempt, core::ProbeOf::Ready, dice.below(50), dice.chance(50)});
  events.emplace_back(
      core::Exited{unit, attempt, {kind, static_cast<std::int32_t>(dice.below(16))}, dice.chance(50)});
}

void add_timers(UnitIndex unit, const UnitRecord& record, Rng& dice, std::vector<Event>& events) {
  for (std::size_t index = 0; index < core::kTimerKinds; ++index) {
    const auto kind = static_cast<core::TimerKind>(index);
    const std::int64_t deadline = core::deadline_of(record, kind);
    const std::uint32_t armed = core::serial_of(record, kind);
    const std::uint32_t other = record.timer_serial[(index + 1) % core::kTimerKinds];
    for (const std::uint32_t serial : {other, armed, record.serial + 1, dice.below(record.serial + 1)}) {
      if (deadline == 0 || serial != armed) events.emplace_back(core::TimerFired{unit, kind, serial});
    }
  }
}

// News that is known already.
void add_repeated(UnitIndex unit, const UnitRecord& record, std::vector<Event>& events) {
  if (record.main_pid != 0) events.emplace_back(core::Spawned{unit, record.main_attempt, record.main_pid});
  if (record.main_attempt != 0 && record.state != State::Starting && record.state != State::Forking &&
      record.spawn_failures == 0)
    events.emplace_back(core::ExecSucceeded{unit, record.main_attempt});
  if ((record.flags & core::kGroup) == 0) events.emplace_back(core::GroupEmpty{unit});
}

// After KILL nobody is asked how long it would like to take.
void add_powerless(UnitIndex unit, const UnitRecord& record, std::vector<Event>& events) {
  constexpr std::int64_t kHour = 3'600'000'000'000;
  if (record.state == State::KillWait)
    events.emplace_back(
        core::Notified{unit, record.main_attempt, core::Notified::What::ExtendTimeout, kHour});
}

std::vector<Event> stale_events(const Engine& engine, Rng& dice) {
  const auto size = static_cast<std::uint32_t>(engine.graph()->size());
  const UnitIndex unit = dice.below(size);
  const UnitRecord& record = engine.record(unit);
  std::vector<Event> events = {core::JobDropped{0}, core::JobDropped{~core::JobId{0}}};
  for (const core::Attempt attempt : stale_attempts(record, dice)) add_news_of(unit, attempt, dice, events);
  add_timers(unit, record, dice, events);
  add_repeated(unit, record, events);
  add_powerless(unit, record, events);
  for (const UnitIndex nobody : {size, core::kNoUnit}) {
    add_news_of(nobody, record.main_attempt, dice, events);
    events.emplace_back(core::GroupEmpty{nobody});
    events.emplace_back(
        core::TimerFired{nobody, core::TimerKind::Phase, core::serial_of(record, core::TimerKind::Phase)});
    events.emplace_back(core::Requested{0, static_cast<core::Verb>(dice.below(6)), nobody});
  }
  return events;
}

}  // namespace

// S13: no stale event moves anything.
void Simulation::probe_stale_events() {
  Engine engine = engine_;
  Heard heard;
  for (const Event& event : stale_events(engine_, dice_)) {
    engine.handle(event, now_, heard);
    std::string moved = difference(engine_, engine);
    if (!heard.actions.empty()) moved = "it acts";
    if (!moved.empty()) return fail("S13: a stale event (" + described(event) + "): " + moved);
  }
}

// S11: a reload of the same files arms the timers again, and nothing else.
void Simulation::probe_same_files() {
  Engine engine = engine_;
  Heard heard;
  engine.handle(core::Reloaded{graph_of(units_)}, now_, heard);
  const std::string moved = difference(engine_, engine);
  if (!moved.empty()) return fail("S11: a reload of the same files: " + moved);
  std::erase_if(heard.actions, [](const core::Action& action) {  // with their units they may be forgotten
    const auto* finished = std::get_if<core::JobFinished>(&action);
    return finished != nullptr && finished->unit == core::kNoUnit;
  });
  std::ptrdiff_t armed = 0;
  for (UnitIndex unit = 0; unit < engine.graph()->size(); ++unit) {
    const UnitRecord& record = engine.record(unit);
    for (const std::int64_t deadline : record.deadline_ns) armed += deadline != 0 ? 1 : 0;
    armed += record.probe_serial != 0 ? 1 : 0;
  }
  const auto is_known = [&](const core::Action& action) {
    if (const auto* probe = std::get_if<core::Probe>(&action))
      return engine.record(probe->unit).probe_serial == probe->serial;
    const auto* arm = std::get_if<core::ArmTimer>(&action);
    if (arm == nullptr) return false;
    const auto timer = timers_.find({std::string(engine.graph()->name(arm->unit)), arm->kind});
    return timer != timers_.end() && timer->second == Timer{arm->deadline, arm->serial};
  };
  if (std::count_if(heard.actions.begin(), heard.actions.end(), is_known) != armed ||
      heard.actions.size() != static_cast<std::size_t>(armed))
    fail("S11: a reload of the same files does more than to arm its timers again");
}

// S9: who asks for a shutdown while one is under way only waits for it.
void Simulation::probe_second_shutdown() {
  Engine engine = engine_;
  Heard heard;
  engine.handle(core::ShutdownRequested{core::PowerKind::Reboot, ~core::JobId{0}, 0}, now_, heard);
  const std::string moved = difference_of_units(engine_, engine);
  if (!moved.empty() || !heard.actions.empty()) fail("S9: a second request for a shutdown: " + moved);
}

// S6: where nobody waits for an answer there is none.
void Simulation::probe_request_of_nobody(Rng& dice) {
  const auto verb = static_cast<core::Verb>(dice.below(6));
  const UnitIndex unit = dice.below(static_cast<std::uint32_t>(engine_.graph()->size()));
  Engine engine = engine_;
  Heard heard;
  engine.handle(core::Requested{0, verb, unit, 0}, now_, heard);
  const auto is_answer = [](const core::Action& action) {
    const auto* finished = std::get_if<core::JobFinished>(&action);
    return finished != nullptr && finished->job == 0;
  };
  const auto is_kept = [](const core::JobView& job) { return job.job == 0; };
  const auto jobs = engine.jobs();
  if (std::any_of(heard.actions.begin(), heard.actions.end(), is_answer) ||
      std::any_of(jobs.begin(), jobs.end(), is_kept))
    fail("S6: an answer for nobody, of " + name(unit));
}

// S6: who waits for a reload whose time is up is told that.
void Simulation::probe_late_reload(UnitIndex unit) {
  constexpr core::JobId kJob = ~core::JobId{0};
  Engine engine = engine_;
  Heard heard;
  engine.handle(core::Requested{kJob, core::Verb::Reload, unit, 0}, now_, heard);
  const UnitRecord& record = engine.record(unit);
  const std::int64_t limit = core::deadline_of(record, core::TimerKind::Phase);
  if ((record.state != State::Reloading && record.state != State::SelfReloading) || limit == 0) return;
  heard.actions.clear();
  const std::uint32_t serial = core::serial_of(record, core::TimerKind::Phase);
  engine.handle(core::TimerFired{unit, core::TimerKind::Phase, serial}, MonotonicTime{Duration(limit)},
                heard);
  const auto is_told = [](const core::Action& action) {
    const auto* finished = std::get_if<core::JobFinished>(&action);
    return finished != nullptr && finished->job == kJob && finished->outcome == core::JobOutcome::TimedOut;
  };
  if (std::none_of(heard.actions.begin(), heard.actions.end(), is_told))
    fail("S6: who waits for the reload of " + name(unit) + " is not told that its time is up");
}

// S10: a job whose unit nobody knows any more, as when the unit files of before a crash are lost, is
// answered.
void Simulation::probe_lost_unit() {
  core::JobRecord job;
  job.job = ~core::JobId{0};
  job.unit = ~std::uint64_t{0};
  Heard heard;
  const Engine engine = Engine::restore(engine_.graph(), {{}, {&job, 1}, {}, options_.seed}, now_, heard);
  const auto answers = std::count_if(heard.actions.begin(), heard.actions.end(), [&](const auto& action) {
    const auto* finished = std::get_if<core::JobFinished>(&action);
    return finished != nullptr && finished->job == job.job && finished->outcome == core::JobOutcome::Canceled;
  });
  const std::vector<core::JobRecord> kept = engine.job_records();
  const bool noted = engine.has_changed_jobs() && kept.size() == 1 && kept[0].job == job.job &&
                     kept[0].phase == core::JobPhase::Finished &&
                     kept[0].outcome == core::JobOutcome::Canceled;
  if (answers != 1 || !noted) fail("S10: the job of a unit that is lost is not answered");
}

// S10: a record that no engine has written is none.
void Simulation::probe_unsound_record(Rng& dice) {
  const UnitIndex unit = dice.below(static_cast<std::uint32_t>(engine_.graph()->size()));
  UnitRecord blank;
  blank.tag = engine_.graph()->tag(unit);
  const auto after = [](auto last) { return static_cast<decltype(last)>(static_cast<int>(last) + 1); };
  for (int field = 0; field < 5; ++field) {
    UnitRecord record = blank;
    record.attempt = 4711;
    if (field == 0) record.state = static_cast<State>(core::kStates);
    if (field == 1) record.goal = after(core::Goal::Held);
    if (field == 2) record.reason = after(core::Reason::OutOfMemory);
    if (field == 3) record.end = after(core::End::StartFailed);
    if (field == 4) record.exit_kind = after(Exit::Kind::Dumped);
    Heard heard;
    const Engine engine =
        Engine::restore(engine_.graph(), {{&record, 1}, {}, {}, options_.seed}, now_, heard);
    if (engine.record(unit).attempt != 0) fail("S10: a record that is none is taken for one");
  }
}

// No list of exits names what no process can end with; a service, unless it is a oneshot, ends well by the
// signals that ask a program to end.
void Simulation::probe_exits(Rng& dice) {
  constexpr Exit kNoExits[] = {{Exit::Kind::None, 1},    {Exit::Kind::Code, -1},   {Exit::Kind::Code, 256},
                               {Exit::Kind::Signal, -1}, {Exit::Kind::Signal, 65}, {Exit::Kind::Dumped, 65}};
  unit::Unit listing;
  const auto code = static_cast<std::uint8_t>(dice.below(256));
  const auto number = static_cast<std::uint8_t>(1 + dice.below(64));
  listing.service.success_exit = {{code}, {number}};
  const core::ExitBits listed = core::make_policy(listing).success;
  for (std::int32_t value = 0; value < 256; ++value) {
    if (listed.contains({Exit::Kind::Code, value}) != (value == code) ||
        listed.contains({Exit::Kind::Signal, value}) != (value == number))
      fail("S8: a list of one exit code and one signal has another, " + std::to_string(value));
  }
  for (UnitIndex unit = 0; unit < engine_.graph()->size(); ++unit) {
    const core::Policy& policy = engine_.graph()->policy(unit);
    for (std::int32_t signal = 1; signal <= 64; ++signal) {
      const bool asks = signal == 1 || signal == 2 || signal == 13 || signal == 15;
      const Exit exit{Exit::Kind::Signal, signal};
      if (core::is_clean(policy, exit) != ((asks && !policy.oneshot) || policy.success.contains(exit)))
        fail("S8: " + name(unit) + " takes signal " + std::to_string(signal) + " for another end than it is");
    }
    for (const core::ExitBits& exits : {policy.success, policy.prevent, policy.force}) {
      if (std::any_of(std::begin(kNoExits), std::end(kNoExits),
                      [&](const Exit& e) { return exits.contains(e); }))
        fail("S8: " + name(unit) + " lists an exit that does not exist");
    }
  }
}

// S8: what a file says is to become of the system when a unit fails, or is at its restart limit, is done when
// that comes, and at nothing else.
void Simulation::probe_failure_action(const Engine& before, const core::Event& told, Rng& dice) {
  constexpr std::pair<unit::FailureAction, core::PowerKind> kActions[] = {
      {unit::FailureAction::Reboot, core::PowerKind::Reboot},
      {unit::FailureAction::Poweroff, core::PowerKind::Poweroff},
      {unit::FailureAction::Exit, core::PowerKind::Exit}};
  const auto [action, power] = kActions[dice.below(3)];
  const bool at_limit = dice.chance(50);
  std::vector<unit::Unit> units = units_;
  for (unit::Unit& unit : units)
    (at_limit ? unit.service.restart_limit.action : unit.on_failure_action) = action;
  Engine engine = before;
  Heard heard;
  engine.handle(core::Reloaded{graph_of(std::move(units))}, now_, heard);
  std::optional<Event> event = told;
  std::visit(
      [&](auto& e) {
        if constexpr (requires { e.unit; }) {
          const auto known = engine.graph()->find(name(e.unit));
          known ? void(e.unit = *known) : event.reset();
        }
      },
      *event);
  if (!event) return;
  const Engine reloaded = engine;
  engine.handle(*event, now_, heard);
  bool due = false, may_be = false;
  for (UnitIndex unit = 0; unit < engine.graph()->size(); ++unit) {
    const UnitRecord &was = reloaded.record(unit), &record = engine.record(unit);
    const bool counts = !at_limit || record.reason == core::Reason::RestartLimit;
    const bool failed =
        record.state == State::Failed && (was.state != State::Failed || was.since_ns != record.since_ns);
    // What it has called may have called it back, until the system stopped.
    const bool called = record.state == State::Inactive && record.reason != core::Reason::None;
    due = due || (failed && counts && engine.graph()->is_loaded(unit));
    may_be = may_be || ((failed || called) && counts);
  }
  const auto jobs = engine.job_records();
  const bool done = std::any_of(jobs.begin(), jobs.end(), [&](const core::JobRecord& job) {
    return job.verb == core::JobVerb::Shutdown && job.power == power;
  });
  if (due && !done) fail("S8: a failure does not do to the system what its unit says");
  if (done && !may_be) fail("S8: the system stops, and nothing has failed");
}

void Simulation::probe_copies() {
  if (!failure_.empty()) return;
  if (dice_.chance(10)) probe_stale_events();
  if (dice_.chance(10)) probe_same_files();
  Rng plans(options_.seed + events_ * 0x9e3779b97f4a7c15U);
  if (plans.chance(5)) check_any_plan(plans);
  if (plans.chance(2)) probe_request_of_nobody(plans);
  if (plans.chance(5)) probe_late_reload(plans.below(static_cast<std::uint32_t>(engine_.graph()->size())));
  if (plans.chance(1)) probe_lost_unit();
  if (plans.chance(1)) probe_unsound_record(plans);
  if (plans.chance(1)) probe_exits(plans);
  if (stopping_ && !powered_ && plans.chance(10)) probe_second_shutdown();
  if (dice_.chance(20)) check_told(dice_.below(static_cast<std::uint32_t>(engine_.graph()->size())));
}

}  // namespace init::sim
