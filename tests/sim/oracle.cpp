#include "tests/sim/oracle.h"

#include <algorithm>

namespace init::sim {
namespace {

using unit::DependencyKind;

bool pulls(DependencyKind kind, bool later) {
  switch (kind) {
    case DependencyKind::Requires:
    case DependencyKind::Wants:
    case DependencyKind::BindsTo:
    case DependencyKind::Upholds:
      return true;
    case DependencyKind::OnFailure:
    case DependencyKind::OnSuccess:
    case DependencyKind::OnRestartLimit:
    case DependencyKind::PreparedBy:
      return later;
    default:
      return false;
  }
}

bool must_run(DependencyKind kind) {
  return kind == DependencyKind::Requires || kind == DependencyKind::BindsTo ||
         kind == DependencyKind::Requisite || kind == DependencyKind::PreparedBy;
}

}  // namespace

const unit::Unit* Oracle::find(const std::string& name) const {
  for (const unit::Unit& unit : units_) {
    if (unit.id == name) return &unit;
  }
  return nullptr;
}

std::set<std::string> Oracle::reach(const std::string& name, bool later) const {
  std::set<std::string> met = {name};
  for (bool grown = true; grown;) {
    grown = false;
    for (const unit::Unit& unit : units_) {
      if (met.count(unit.id) == 0) continue;
      for (const unit::Dependency& d : unit.dependencies) {
        if (pulls(d.kind, later)) grown = met.insert(d.target).second || grown;
      }
    }
  }
  return met;
}

bool Oracle::may_be_stopped(std::set<std::string> names) const {
  for (bool grown = true; grown;) {
    grown = false;
    for (const unit::Unit& unit : units_) {
      if (names.count(unit.id) == 0) continue;
      for (const unit::Dependency& d : unit.dependencies) {
        const bool drags = must_run(d.kind) || d.kind == DependencyKind::PartOf;
        if (drags) grown = names.insert(d.target).second || grown;
      }
    }
  }
  if (may_be_released(names)) return true;
  const auto comes = [&](const std::string& unit) {
    return names.count(unit) != 0 || is_started_by_others(unit);
  };
  for (const unit::Unit& unit : units_) {
    for (const unit::Dependency& d : unit.dependencies) {
      const bool concerns = names.count(unit.id) != 0 || names.count(d.target) != 0;
      if (d.kind == DependencyKind::Conflicts && concerns && comes(unit.id) && comes(d.target)) return true;
    }
  }
  return false;
}

// What somebody is a part of may be let go by its own start, as of a oneshot that has done its work.
bool Oracle::may_be_released(const std::set<std::string>& names) const {
  return std::any_of(units_.begin(), units_.end(), [&](const unit::Unit& unit) {
    if (names.count(unit.id) == 0) return false;
    return std::any_of(unit.dependencies.begin(), unit.dependencies.end(), [&](const unit::Dependency& d) {
      const unit::Unit* whole = d.kind == DependencyKind::PartOf ? find(d.target) : nullptr;
      return whole != nullptr && whole->stop_when_unneeded;
    });
  });
}

bool Oracle::is_started_by_others(const std::string& name) const {
  for (const unit::Unit& unit : units_) {
    for (const unit::Dependency& d : unit.dependencies) {
      const bool starts = d.kind == DependencyKind::OnFailure || d.kind == DependencyKind::OnSuccess ||
                          d.kind == DependencyKind::OnRestartLimit || d.kind == DependencyKind::PreparedBy;
      if (starts && reach(d.target, true).count(name) != 0) return true;
    }
  }
  return false;
}

// What nobody needs any more may stop in the very moment of a request.
bool Oracle::is_up_for_good(const std::string& name, const std::set<std::string>& up) const {
  const unit::Unit* unit = find(name);
  return unit != nullptr && up.count(name) != 0 && !unit->stop_when_unneeded;
}

bool Oracle::can_run(const std::string& name, std::set<std::string> up,
                     const std::set<std::string>& refused) const {
  std::set<std::string> pulled = reach(name, false);
  // Everything that must run for it, followed as far as it goes.
  std::set<std::string> needed = {name};
  for (bool grown = true; grown;) {
    grown = false;
    for (const unit::Unit& unit : units_) {
      if (needed.count(unit.id) == 0 || (unit.id != name && up.count(unit.id) != 0)) continue;
      for (const unit::Dependency& d : unit.dependencies) {
        if (must_run(d.kind) && d.target != unit.id) grown = needed.insert(d.target).second || grown;
        if (d.kind == DependencyKind::Requisite && !is_up_for_good(d.target, up)) return false;
        if (d.kind != DependencyKind::PreparedBy) continue;
        pulled.merge(reach(d.target, false));
        grown = up.erase(d.target) != 0 || grown;  // it runs anew, and needs all that it needs
      }
    }
  }
  for (const std::string& unit : needed) {
    if (find(unit) == nullptr || refused.count(unit) != 0) return false;
    if (pulled.count(unit) == 0 && up.count(unit) == 0) return false;
  }
  return true;
}

}  // namespace init::sim
