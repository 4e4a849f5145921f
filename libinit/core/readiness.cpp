#include "libinit/core/readiness.h"

#include <algorithm>

#include "libinit/core/ending.h"
#include "libinit/core/policy.h"
#include "libinit/core/service.h"
#include "libinit/core/stopping.h"
#include "libinit/core/wishes.h"

namespace init::core {
namespace {

using unit::ProbeKind;

const Policy& policy_of(const World& world, UnitIndex unit) {
  return world.graph->policy(unit);
}

// Does its own READY=1, or line on ready-fd, make it ready?
bool tells(const World& world, UnitIndex unit) {
  return awaited_word(world, unit) == Word::Ready;
}

bool has_process(const UnitRecord& record) {
  return is_up(record.state) && record.state != State::Up;
}

const ProbePolicy& probe_of(const Policy& policy, State state) {
  return state == State::Readying ? policy.ready : policy.health;
}

void ask(World& world, UnitIndex unit) {
  UnitRecord& record = world.edit(unit);
  record.probe_serial = ++record.serial;
  const ProbeOf which = record.state == State::Readying ? ProbeOf::Ready : ProbeOf::Health;
  world.emit(Probe{unit, record.main_attempt, which, record.probe_serial});
}

void ask_later(World& world, UnitIndex unit) {
  const ProbePolicy& probe = probe_of(policy_of(world, unit), world.units[unit].state);
  arm(world, unit, TimerKind::Probe, world.now + probe.interval);
}

void begin_health(World& world, UnitIndex unit) {
  if (policy_of(world, unit).health.kind == ProbeKind::None) return;
  UnitRecord& record = world.edit(unit);
  record.well_ns = world.now.since_epoch.count();
  record.probe_failures = 0;
  ask_later(world, unit);
}

void begin_ready_probe(World& world, UnitIndex unit) {
  const ProbePolicy& ready = policy_of(world, unit).ready;
  if (ready.kind == ProbeKind::None) return;
  world.edit(unit).probe_failures = 0;
  if (ready.deadline != kInfinity) {
    const std::int64_t limit = deadline_of(world.units[unit], TimerKind::Phase);
    const MonotonicTime own = world.now + ready.deadline;
    if (limit == 0 || own.since_epoch.count() < limit) arm(world, unit, TimerKind::Phase, own);
  }
  if (ready.kind != ProbeKind::AliveFor) return ask(world, unit);
  arm(world, unit, TimerKind::Probe, world.now + ready.alive_for);
}

Duration watchdog_of(const World& world, UnitIndex unit) {
  const std::int64_t own = world.units[unit].watchdog_ns;
  return own != 0 ? Duration(own) : policy_of(world, unit).watchdog;
}

void feed_watchdog(World& world, UnitIndex unit) {
  const Duration time = watchdog_of(world, unit);
  arm(world, unit, TimerKind::Watchdog, time == kInfinity ? MonotonicTime::never() : world.now + time);
}

// One bad answer more. Is that too much?
bool is_too_much(const World& world, UnitIndex unit, const ProbePolicy& probe) {
  const UnitRecord& record = world.units[unit];
  if (probe.failures != 0 && record.probe_failures >= probe.failures) return true;
  const Duration without{world.now.since_epoch.count() - record.well_ns};
  return record.state != State::Readying && without >= probe.deadline;
}

void told_ready(World& world, UnitIndex unit) {
  const UnitRecord& record = world.units[unit];
  switch (record.state) {
    case State::Starting:  // the news of its exec was overtaken
      if (tells(world, unit)) set_flag(world.edit(unit), kTold, true);
      return;
    case State::Readying:
      if (tells(world, unit)) became_ready(world, unit);
      return;
    case State::Reloading:
      if (has_flag(record, kReloading)) set_flag(world.edit(unit), kReloading, false);
      return;
    case State::SelfReloading:
      return end_reload(world, unit, true);
    default:
      return;
  }
}

void told_reloading(World& world, UnitIndex unit) {
  const State state = world.units[unit].state;
  if (state == State::Reloading) return set_flag(world.edit(unit), kReloading, true);
  if (state != State::Running) return;
  enter(world, unit, State::SelfReloading);
  arm(world, unit, TimerKind::Phase, world.now + policy_of(world, unit).start_timeout);
}

// It will end by itself; if it does not, it is stopped.
void leave(World& world, UnitIndex unit) {
  if (!has_process(world.units[unit])) return;
  UnitRecord& record = world.edit(unit);
  record.end = End::Own;
  enter(world, unit, State::Leaving);
  arm(world, unit, TimerKind::Phase, world.now + stop_limit(world, unit));
  suspend_bound(world, unit);
}

void told_watchdog_time(World& world, UnitIndex unit, std::int64_t ns) {
  world.edit(unit).watchdog_ns = ns > 0 ? ns : kInfinity.count();
  if (has_process(world.units[unit])) feed_watchdog(world, unit);
}

bool may_change_main(State state) {
  return state == State::Starting || state == State::Forking || state == State::Readying ||
         state == State::PostStart || (is_up(state) && state != State::Up);
}

// From here on the other one matters; the one before is one of its processes like any other.
void told_main_pid(World& world, UnitIndex unit, std::int64_t pid) {
  const UnitRecord& before = world.units[unit];
  if (!may_change_main(before.state) || pid < 0 || (pid != 0 && pid == before.main_pid)) return;
  UnitRecord& record = world.edit(unit);
  record.main_attempt = ++record.attempt;
  record.main_pid = static_cast<std::int32_t>(pid);
  set_flag(record, kFound, true);
  world.emit(WatchMain{unit, record.main_attempt, record.main_pid});
  if (record.probe_serial != 0) ask(world, unit);
}

void extend(World& world, UnitIndex unit, TimerKind kind, std::int64_t ns) {
  const std::int64_t now = deadline_of(world.units[unit], kind);
  const MonotonicTime longer = world.now + Duration(ns);
  if (now != 0 && longer.since_epoch.count() > now) arm(world, unit, kind, longer);
}

void told_more_time(World& world, UnitIndex unit, std::int64_t ns) {
  const State state = world.units[unit].state;
  if (state == State::KillWait) return;
  extend(world, unit, TimerKind::Phase, ns);
  extend(world, unit, TimerKind::Run, ns);
}

void watchdog_failed(World& world, UnitIndex unit) {
  if (has_process(world.units[unit])) end_run(world, unit, Reason::Watchdog);
}

}  // namespace

Word awaited_word(const World& world, UnitIndex unit) noexcept {
  const Word word = world.units[unit].word;
  return word == word_of(policy_of(world, unit)) ? word : Word::None;
}

bool awaits_readiness(const World& world, UnitIndex unit) noexcept {
  const Word word = awaited_word(world, unit);
  return word == Word::Ready || word == Word::Name || policy_of(world, unit).ready.kind != ProbeKind::None;
}

void await_readiness(World& world, UnitIndex unit) {
  if (!awaits_readiness(world, unit) || has_flag(world.units[unit], kTold)) return became_ready(world, unit);
  enter(world, unit, State::Readying);
  begin_ready_probe(world, unit);
}

void begin_watch(World& world, UnitIndex unit) {
  feed_watchdog(world, unit);
  const Duration limit = policy_of(world, unit).run_timeout;
  if (limit != kInfinity) arm(world, unit, TimerKind::Run, world.now + limit);
  begin_health(world, unit);
}

void check_readiness(World& world, UnitIndex unit) {
  const UnitRecord& record = world.units[unit];
  const Policy& policy = policy_of(world, unit);
  const bool readying = record.state == State::Readying;
  if (record.state == State::Forking) {
    const bool waits = awaited_word(world, unit) == Word::Forked || has_flag(record, kFound);
    return waits ? void() : await_readiness(world, unit);
  }
  if (readying && !awaits_readiness(world, unit)) return became_ready(world, unit);
  if (record.probe_serial != 0 || deadline_of(record, TimerKind::Probe) != 0) return;
  if (probe_of(policy, record.state).kind == ProbeKind::None) return;
  readying ? begin_ready_probe(world, unit) : begin_health(world, unit);
}

void find_main(World& world, UnitIndex unit) {
  UnitRecord& record = world.edit(unit);
  record.main_attempt = ++record.attempt;
  set_flag(record, kFound, true);
  set_flag(record, kGroup, true);
  if (record.state != State::Forking) enter(world, unit, State::Forking);
  world.emit(WatchMain{unit, world.units[unit].main_attempt, 0});
}

void on_notified(World& world, const Notified& event) {
  const UnitIndex unit = event.unit;
  if (event.attempt == 0 || event.attempt != world.units[unit].main_attempt) return;
  switch (event.what) {
    case Notified::What::Ready:
      return told_ready(world, unit);
    case Notified::What::Reloading:
      return told_reloading(world, unit);
    case Notified::What::Stopping:
      return leave(world, unit);
    case Notified::What::Watchdog:
      if (has_process(world.units[unit])) feed_watchdog(world, unit);
      return;
    case Notified::What::WatchdogFailed:
      return watchdog_failed(world, unit);
    case Notified::What::WatchdogTime:
      return told_watchdog_time(world, unit, event.value);
    case Notified::What::MainPid:
      return told_main_pid(world, unit, event.value);
    case Notified::What::ExtendTimeout:
      return told_more_time(world, unit, event.value);
  }
}

void on_probed(World& world, const Probed& event) {
  const UnitRecord& record = world.units[event.unit];
  if (event.serial == 0 || event.serial != record.probe_serial) return;
  const bool readying = record.state == State::Readying;
  if (event.attempt != record.main_attempt || readying != (event.which == ProbeOf::Ready)) return;
  UnitRecord& edited = world.edit(event.unit);
  edited.probe_serial = 0;
  const ProbePolicy& probe = probe_of(policy_of(world, event.unit), edited.state);
  if (probe.kind == ProbeKind::None) return;  // a reload has taken the question away
  if (event.ok && readying) return became_ready(world, event.unit);
  if (event.ok) {
    edited.probe_failures = 0;
    edited.well_ns = world.now.since_epoch.count();
  } else if (edited.probe_failures < 0xffff) {
    ++edited.probe_failures;
  }
  if (!event.ok && is_too_much(world, event.unit, probe))
    return end_run(world, event.unit, readying ? Reason::NotReady : Reason::Unhealthy);
  ask_later(world, event.unit);
}

void on_name_owned(World& world, const NameOwned& event) {
  if (awaited_word(world, event.unit) != Word::Name) return;
  const UnitRecord& record = world.units[event.unit];
  if (record.state == State::Readying && event.owned) return became_ready(world, event.unit);
  if (record.state == State::Starting && has_flag(record, kTold) != event.owned)
    return set_flag(world.edit(event.unit), kTold, event.owned);
  if (!event.owned) leave(world, event.unit);
}

void on_probe_timer(World& world, UnitIndex unit) {
  const UnitRecord& record = world.units[unit];
  const ProbePolicy& probe = probe_of(policy_of(world, unit), record.state);
  if (probe.kind == ProbeKind::None) return;
  if (probe.kind == ProbeKind::AliveFor) return became_ready(world, unit);
  ask(world, unit);
}

}  // namespace init::core
