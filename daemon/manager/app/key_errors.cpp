#include "daemon/manager/app/key_errors.h"

#include <array>
#include <initializer_list>

#include "libinit/unit/key_places.h"

namespace init::manager {
namespace {

using process::ChildStep;

constexpr std::array<std::string_view, unit::kLimits> kLimitKeys = {
    "cpu",     "fsize", "data",  "stack",      "core",     "rss",  "nproc",  "nofile",
    "memlock", "as",    "locks", "sigpending", "msgqueue", "nice", "rtprio", "rttime"};
constexpr std::array<std::string_view, 3> kStreamKeys = {"stdin", "stdout", "stderr"};

std::string shown(const unit::Unit& unit, std::string_view table, std::string_view key) {
  const std::string place = unit::place_of(unit, table, key);
  return place.empty() ? place : std::string(key) + ", " + place;
}

std::string first_of(const unit::Unit& unit, std::string_view table,
                     std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys) {
    if (std::string text = shown(unit, table, key); !text.empty()) return text;
  }
  return {};
}

std::string numbered(const unit::Unit& unit, ChildStep step, std::uint32_t detail) {
  if (step == ChildStep::Limits) {
    return detail < kLimitKeys.size() ? shown(unit, "limits", kLimitKeys[detail]) : std::string();
  }
  return detail < kStreamKeys.size() ? shown(unit, "service", kStreamKeys[detail]) : std::string();
}

}  // namespace

Failure at_key(const unit::Unit& unit, std::string_view table, std::string_view key, Error error) {
  error.unit = unit::place_of(unit, table, key);
  if (error.step.empty()) {
    error.step = key;
  } else if (error.step != key) {
    error.step = std::string(key) + ": " + error.step;
  }
  return Failure(std::move(error));
}

std::string key_of_step(const unit::Unit& unit, ChildStep step, std::optional<std::uint32_t> detail) {
  switch (step) {
    case ChildStep::Limits:
    case ChildStep::Stdio:
    case ChildStep::StdioRoot:
      return detail ? numbered(unit, step, *detail) : std::string();
    case ChildStep::OomScore:
      return shown(unit, "service", "oom-score-adjust");
    case ChildStep::Nice:
      return shown(unit, "service", "nice");
    case ChildStep::Scheduler:
      return shown(unit, "service", "cpu-policy");
    case ChildStep::IoPriority:
      return first_of(unit, "service", {"io-class", "io-priority"});
    case ChildStep::Cpus:
      return shown(unit, "service", "cpu-affinity");
    case ChildStep::Numa:
      return shown(unit, "service", "numa-policy");
    case ChildStep::RootDirectory:
      return shown(unit, "service", "root-directory");
    case ChildStep::WorkingDirectory:
      return shown(unit, "service", "working-directory");
    case ChildStep::Groups:
      return first_of(unit, "service", {"extra-groups", "user"});
    case ChildStep::Group:
      return first_of(unit, "service", {"group", "user"});
    case ChildStep::User:
      return shown(unit, "service", "user");
    case ChildStep::Capabilities:
      return first_of(unit, "sandbox", {"capabilities", "ambient-capabilities", "securebits"});
    case ChildStep::NoNewPrivileges:
      return shown(unit, "service", "no-new-privileges");
    case ChildStep::ParentDeath:
      return shown(unit, "service", "parent-death-signal");
    case ChildStep::Terminal:
      return first_of(unit, "tty", {"path", "reset", "hangup", "disallocate"});
    default:
      return {};
  }
}

}  // namespace init::manager
