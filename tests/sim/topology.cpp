#include "tests/sim/topology.h"

#include <algorithm>
#include <array>
#include <set>

namespace init::sim {
namespace {

using std::chrono::milliseconds;
using unit::DependencyKind;

// Kinds by weight: what is common in real files is common here.
constexpr std::array kKinds = {
    DependencyKind::Requires,   DependencyKind::Requires,   DependencyKind::Requires,
    DependencyKind::Wants,      DependencyKind::Wants,      DependencyKind::After,
    DependencyKind::After,      DependencyKind::Before,     DependencyKind::BindsTo,
    DependencyKind::PartOf,     DependencyKind::Requisite,  DependencyKind::Upholds,
    DependencyKind::Conflicts,  DependencyKind::PreparedBy, DependencyKind::StopAfter,
    DependencyKind::StopBefore, DependencyKind::OnFailure,  DependencyKind::OnSuccess,
    DependencyKind::ReloadWith, DependencyKind::Unordered};

void random_policy(Rng& rng, unit::ServiceConfig& service) {
  service.command.resize(1);
  service.restart = static_cast<unit::RestartPolicy>(rng.below(7));
  service.restart_delay = milliseconds(10 + rng.below(400));
  service.restart_delay_max = milliseconds(500 + rng.below(4000));
  service.restart_reset_after = milliseconds(rng.below(3000));
  if (rng.chance(30)) {
    service.restart_limit = {1 + rng.below(4), milliseconds(1000 + rng.below(5000)),
                             unit::FailureAction::None};
  }
  service.start_timeout = rng.chance(20) ? kInfinity : Duration(milliseconds(1000 + rng.below(3000)));
  service.stop_timeout = milliseconds(300 + rng.below(1500));
  if (service.stop_timeout >= milliseconds(1770)) service.stop_timeout = kInfinity;
  if (rng.chance(30)) service.stop_schedule = {{15, milliseconds(200)}, {2, milliseconds(300)}};
  service.kill_mode = static_cast<unit::KillMode>(rng.chance(60) ? 0 : rng.below(4));
  service.pre_start.resize(rng.chance(25) ? 1 + rng.below(2) : 0);
  for (unit::Step& step : service.pre_start) step.ignore_failure = rng.chance(20);
  service.reload.resize(rng.chance(25) ? 1 + rng.below(2) : 0);
  service.reload_signal = rng.chance(30) ? 1 : 0;
  if (rng.chance(20)) service.success_exit.codes = {3};
  if (rng.chance(10)) service.restart_prevent_exit.codes = {4};
  if (rng.chance(10)) service.restart_force_exit.codes = {5};
}

void make_oneshot(Rng& rng, unit::ServiceConfig& service) {
  service.type = unit::ServiceType::Oneshot;
  service.command.resize(1 + rng.below(3));
  service.remain_after_exit = rng.chance(40);
  // One that runs again after each success would never let the machine come to rest.
  if (service.restart == unit::RestartPolicy::Always || service.restart == unit::RestartPolicy::OnSuccess) {
    service.restart = unit::RestartPolicy::OnFailure;
  }
  service.restart_force_exit = {};
}

void random_steps(Rng& rng, std::vector<unit::Step>& steps) {
  steps.resize(rng.chance(20) ? 1 + rng.below(2) : 0);
  for (unit::Step& step : steps) step.ignore_failure = rng.chance(20);
}

void random_readiness(Rng& rng, unit::ServiceConfig& service) {
  using unit::ServiceType;
  constexpr ServiceType kTypes[] = {ServiceType::Notify, ServiceType::Forking, ServiceType::Dbus,
                                    ServiceType::Idle};
  constexpr unit::ProbeKind kProbes[] = {unit::ProbeKind::Tcp, unit::ProbeKind::AliveFor,
                                         unit::ProbeKind::Trigger};
  const std::uint32_t dice = rng.below(100);
  if (dice < 50) {
    service.type = kTypes[rng.below(4)];
  } else if (dice < 60) {
    service.ready_fd = 3;
  } else if (dice < 85) {
    service.ready.kind = kProbes[rng.below(3)];
    service.ready.alive_for = milliseconds(50 + rng.below(500));
    service.ready.interval = milliseconds(20 + rng.below(200));
    service.ready.failures = rng.chance(30) ? 1 + rng.below(4) : 0;
    if (rng.chance(30)) service.ready.deadline = milliseconds(600 + rng.below(1000));
  }
}

// All that came with the whole life of a service.
void random_life(Rng& rng, unit::ServiceConfig& service) {
  for (auto* steps : {&service.condition_commands, &service.post_start, &service.pre_stop, &service.stop,
                      &service.post_stop})
    random_steps(rng, *steps);
  service.abort_on_timeout = rng.chance(20);
  if (service.type == unit::ServiceType::Oneshot) return;
  random_readiness(rng, service);
  if (rng.chance(15)) service.watchdog = milliseconds(300 + rng.below(2000));
  if (rng.chance(10)) service.run_timeout = milliseconds(1000 + rng.below(4000));
  if (!rng.chance(20)) return;
  service.health.kind = unit::ProbeKind::Tcp;
  service.health.interval = milliseconds(50 + rng.below(500));
  service.health.failures = 1 + rng.below(3);
  if (rng.chance(30)) service.health.deadline = milliseconds(500 + rng.below(1000));
}

// Ends of ranges, and calls at the restart limit.
void make_rare(Rng& rng, std::vector<unit::Unit>& units) {
  for (std::size_t i = 0; i < units.size(); ++i) {
    if (units[i].kind != unit::Kind::Service) continue;
    unit::ServiceConfig& service = units[i].service;
    if (service.ready_fd > 0) service.ready_fd = 0;
    if (rng.chance(30)) service.success_exit.signals = {64};
    if (rng.chance(20)) service.restart_prevent_exit.signals = {1};
    if (service.type == unit::ServiceType::Exec && rng.chance(30)) service.type = unit::ServiceType::Idle;
    if (rng.chance(70)) service.start_timeout = milliseconds(6000 + rng.below(3000));
    if (i == 0 || rng.chance(50)) continue;
    service.restart_limit = {1 + rng.below(2), milliseconds(5000), unit::FailureAction::None};
    const unit::Unit& called = units[rng.below(static_cast<std::uint32_t>(i))];
    units[i].dependencies.push_back({DependencyKind::OnRestartLimit, called.id, {}, false});
  }
}

void make_reloading(Rng& rng, std::vector<unit::Unit>& units) {
  for (unit::Unit& unit : units) {
    for (std::uint32_t i = rng.below(3); i > 0; --i) {
      const unit::Unit& with = units[rng.below(static_cast<std::uint32_t>(units.size()))];
      if (with.id != unit.id) unit.dependencies.push_back({DependencyKind::ReloadWith, with.id, {}, false});
    }
    if (unit.kind != unit::Kind::Service) continue;
    unit::ServiceConfig& service = unit.service;
    const bool may_tell = service.type == unit::ServiceType::Exec && service.ready_fd < 0 &&
                          service.ready.kind == unit::ProbeKind::None;
    if (may_tell && rng.chance(50)) service.type = unit::ServiceType::Notify;
    service.reload.resize(rng.chance(70) ? 1 + rng.below(2) : 0);
    service.reload_signal = rng.chance(50) ? 1 : 0;
    service.start_timeout = milliseconds(600 + rng.below(1500));  // more than alive-for
  }
}

unit::Unit random_unit(Rng& rng, std::size_t number) {
  unit::Unit unit;
  const bool target = rng.chance(15);
  unit.id = std::string(1, static_cast<char>('a' + number)) + (target ? ".target" : ".service");
  unit.kind = target ? unit::Kind::Target : unit::Kind::Service;
  unit.stop_when_unneeded = rng.chance(10);
  unit.refuse_manual_start = rng.chance(3);
  unit.refuse_manual_stop = rng.chance(3);
  if (target) return unit;
  random_policy(rng, unit.service);
  if (rng.chance(30)) make_oneshot(rng, unit.service);
  return unit;
}

bool fits(const unit::Unit& from, const unit::Unit& to, DependencyKind kind) {
  if (kind == DependencyKind::PreparedBy) return to.service.type == unit::ServiceType::Oneshot;
  // Two that start each other when they end well would never let the machine come to rest.
  return kind != DependencyKind::OnSuccess || to.id < from.id;
}

bool says_order(const unit::Unit& unit, const std::string& other) {
  return std::any_of(unit.dependencies.begin(), unit.dependencies.end(), [&](const unit::Dependency& d) {
    return d.target == other && (d.kind == DependencyKind::Before || d.kind == DependencyKind::After ||
                                 d.kind == DependencyKind::PreparedBy || d.kind == DependencyKind::Unordered);
  });
}

bool says_after(const unit::Unit& unit, const std::string& other) {
  return std::any_of(unit.dependencies.begin(), unit.dependencies.end(), [&](const unit::Dependency& d) {
    return d.target == other && (d.kind == DependencyKind::After || d.kind == DependencyKind::PreparedBy);
  });
}

}  // namespace

std::vector<unit::Unit> random_units(Rng& rng, const Shape& shape) {
  std::vector<unit::Unit> units;
  const std::size_t count = 2 + rng.below(10);
  for (std::size_t i = 0; i < count; ++i) units.push_back(random_unit(rng, i));
  Rng life = rng;  // a stream of its own: simple worlds stay as they were
  for (unit::Unit& unit : units) {
    if (!shape.simple && unit.kind == unit::Kind::Service) random_life(life, unit.service);
  }
  Rng memory = life;
  for (unit::Unit& unit : units) {
    if (!shape.simple && memory.chance(50)) unit.service.context.resources.oom_policy = unit::OomPolicy::Stop;
  }
  const bool cycles = shape.cycles;
  // Without `cycles` whatever orders points to earlier units only.
  const std::uint32_t edges = rng.below(static_cast<std::uint32_t>(count) * 2 + 1);
  for (std::uint32_t i = 0; i < edges; ++i) {
    std::size_t from = rng.below(static_cast<std::uint32_t>(count)),
                to = rng.below(static_cast<std::uint32_t>(count));
    DependencyKind kind = kKinds[rng.below(kKinds.size())];
    if (!cycles && from < to) std::swap(from, to);
    if (!cycles && kind == DependencyKind::Before) kind = DependencyKind::After;
    if (from == to || !fits(units[from], units[to], kind)) continue;
    const bool may_be_link = kind == DependencyKind::Wants || kind == DependencyKind::Requires;
    units[from].dependencies.push_back({kind, units[to].id, {}, may_be_link && rng.chance(10)});
  }
  if (shape.rare) make_rare(memory, units);
  if (shape.reloads) make_reloading(memory, units);
  if (rng.chance(10)) units[0].dependencies.push_back({DependencyKind::Wants, "missing.service", {}, false});
  if (rng.chance(5))
    units[0].dependencies.push_back({DependencyKind::Requires, "missing.service", {}, false});
  return units;
}

std::shared_ptr<const core::Graph> graph_of(std::vector<unit::Unit> units) {
  std::set<std::string> names;
  for (const unit::Unit& unit : units) names.insert(unit.id);
  for (unit::Unit& unit : units) {
    for (std::size_t d = 1; d < unit.dependencies.size(); d += 2) {
      std::string& target = unit.dependencies[d].target;
      if (names.count(target) != 0) target = "also-" + target;
    }
    unit.dependencies.push_back({DependencyKind::Provides, "also-" + unit.id, {}, false});
  }
  return core::Graph::build(units);
}

std::vector<unit::Unit> race_units(Rng& rng) {
  std::vector<unit::Unit> units(rng.chance(50) ? 1 : 2);
  for (std::size_t i = 0; i < units.size(); ++i) {
    unit::Unit& unit = units[i];
    unit.id = i == 0 ? "a.service" : "b.service";
    random_policy(rng, unit.service);
    random_life(rng, unit.service);
    if (rng.chance(30)) unit.service.context.resources.oom_policy = unit::OomPolicy::Stop;
    unit.service.condition_commands.clear();
    unit.service.restart = unit::RestartPolicy::Always;
    unit.service.restart_limit.burst = 0;
    unit.service.restart_prevent_exit = {};
  }
  if (units.size() == 2) units[1].dependencies = {{DependencyKind::Requires, "a.service", {}, false}};
  return units;
}

bool needs(const unit::Unit& from, const std::string& to) {
  return std::any_of(from.dependencies.begin(), from.dependencies.end(), [&](const unit::Dependency& d) {
    return d.target == to && (d.kind == DependencyKind::Requires || d.kind == DependencyKind::BindsTo ||
                              d.kind == DependencyKind::Requisite);
  });
}

bool links(const unit::Unit& from, const std::string& to) {
  return std::any_of(from.dependencies.begin(), from.dependencies.end(),
                     [&](const unit::Dependency& d) { return d.target == to && d.from_link; });
}

bool needs_in_order(const unit::Unit& from, const unit::Unit& to) {
  if (!needs(from, to.id)) return false;
  if (!says_order(from, to.id) && !says_order(to, from.id)) return true;
  return says_after(from, to.id);
}

}  // namespace init::sim
