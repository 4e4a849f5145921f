#include <sys/resource.h>

#include <array>
#include <cstdio>

#include "ctl/inspect.h"
#include "libinit/process_info/names.h"

namespace init::ctl {
namespace {

using process_info::Ids;
using process_info::Mapping;
using process_info::Region;

constexpr std::size_t kCapabilities = 41;  // of Linux 5.9 and later

// In quotes where a reader could not tell where it ends.
std::string quoted(const Style& style, const std::string& word) {
  const std::string shown = printable(style, word);
  const bool bare = !word.empty() && word.find_first_of(" '\"\\") == std::string::npos;
  return bare ? shown : "'" + shown + "'";
}

std::string command_text(const Style& style, const std::vector<std::string>& arguments) {
  std::string out;
  for (const std::string& argument : arguments) out += (out.empty() ? "" : " ") + quoted(style, argument);
  return out;
}

std::string numbers_text(const auto& numbers) {
  std::string out;
  for (const auto& number : numbers) {
    if (!out.empty()) out += ' ';
    if constexpr (requires { number.text(); }) {
      out += number.text();
    } else {
      out += std::to_string(number);
    }
  }
  return out;
}

std::string ids_text(std::string_view name, const Ids& ids) {
  std::string out = std::string(name) + " " + std::to_string(ids.real);
  if (ids.effective != ids.real) out += " (effective " + std::to_string(ids.effective) + ")";
  if (ids.saved != ids.effective) out += " (saved " + std::to_string(ids.saved) + ")";
  return out;
}

std::string capabilities_text(const process_info::CapabilitySet& set) {
  const std::vector<std::string> names = set.names();
  if (names.empty()) return "none";
  if (names.size() >= kCapabilities) return "all";
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : " ") + name;
  return out;
}

std::string signals_text(const process_info::Signals& signals) {
  std::string out;
  const auto add = [&out](std::string_view word, const process_info::SignalSet& set) {
    if (set.bits == 0) return;
    if (!out.empty()) out += "; ";
    out += word;
    for (const std::string& name : set.names()) out += " " + name;
  };
  add("blocked", signals.blocked);
  add("ignored", signals.ignored);
  add("caught", signals.caught);
  add("pending", {signals.pending.bits | signals.thread_pending.bits});
  return out.empty() ? "all as they are by default" : out;
}

std::string limit_text(std::uint64_t limit) {
  return limit == RLIM_INFINITY ? "infinity" : std::to_string(limit);
}

// Those that limit something.
std::string limits_text(const process_info::Limits& limits) {
  std::string out;
  for (std::size_t resource = 0; resource < limits.size(); ++resource) {
    const process_info::Limit& limit = limits[resource];
    if (limit.soft == RLIM_INFINITY && limit.hard == RLIM_INFINITY) continue;
    if (!out.empty()) out += ", ";
    out.append(process_info::limit_name(resource)).append(" ").append(limit_text(limit.soft));
    if (limit.hard != limit.soft) out += ":" + limit_text(limit.hard);
  }
  return out.empty() ? "none" : out;
}

std::string schedule_text(const Inspection& it) {
  std::string out = process_info::policy_name(it.stat.policy);
  if (it.stat.real_time_priority != 0) out += " at " + std::to_string(it.stat.real_time_priority);
  out += ", nice " + std::to_string(it.stat.nice) + ", " + counted(it.stat.threads, "thread");
  out += ", processors " + it.status.processors + "; used " +
         duration(it.stat.user_time / std::chrono::microseconds(1)) + " + " +
         duration(it.stat.system_time / std::chrono::microseconds(1)) + " of the system";
  return out;
}

std::string memory_text(const Inspection& it) {
  if (!it.status.memory) return "none";
  const process_info::Memory& memory = *it.status.memory;
  std::string out = size_text(memory.resident) + " resident, " + size_text(memory.size) + " of addresses";
  if (memory.swapped > 0) out += ", " + size_text(memory.swapped) + " swapped out";
  if (memory.locked > 0) out += ", " + size_text(memory.locked) + " locked";
  return out + "; oom score adjusted by " + std::to_string(it.oom_score_adjust);
}

std::string regions_text(const process_info::RegionTotals& totals) {
  std::string out;
  for (std::size_t i = 0; i < process_info::kRegions; ++i) {
    const auto region = static_cast<Region>(i);
    if (totals[region] == 0 || region == Region::Outside) continue;
    if (!out.empty()) out += ", ";
    out.append(name(region)).append(" ").append(size_text(totals[region]));
  }
  return out;
}

std::string map_text(const Style& style, const Mapping& it) {
  std::array<char, 64> range{};
  std::snprintf(range.data(), range.size(), "%012llx-%012llx ", static_cast<unsigned long long>(it.begin),
                static_cast<unsigned long long>(it.end));
  std::string out = range.data() + rights_text(it) + " ";
  const std::string size = size_text(it.size());
  out += std::string(size.size() < 10 ? 10 - size.size() : 0, ' ') + size + "  ";
  std::string region(name(region_of(it)));
  if (!it.name.empty()) region.resize(std::max<std::size_t>(region.size(), 9), ' ');
  return out + region + (it.name.empty() ? "" : "  " + printable(style, it.name));
}

std::string descriptor_text(const Style& style, const process_info::Descriptor& it) {
  std::string out = std::to_string(it.number) + " " + printable(style, it.target) + " (";
  for (const std::string& flag : process_info::flag_names(it.flags))
    out += (out.back() == '(' ? "" : ", ") + flag;
  return out + ")";
}

std::string relatives_text(const Inspection& it) {
  std::string out = "parent " + (it.stat.parent ? it.stat.parent->text() : "outside");
  if (it.children && !it.children->empty()) out += ", children " + numbers_text(*it.children);
  return out + ", group " + std::to_string(it.stat.group) + ", session " + std::to_string(it.stat.session);
}

std::string identity_rows(const Style& style, const Inspection& it) {
  const process_info::Credentials& credentials = it.status.credentials;
  std::string identity = ids_text("uid", credentials.uid) + ", " + ids_text("gid", credentials.gid);
  if (!credentials.groups.empty()) identity += ", groups " + numbers_text(credentials.groups);
  if (credentials.no_new_privileges) identity += ", no new privileges";
  if (credentials.seccomp != 0) identity += ", seccomp";
  std::string out = row("identity", identity);
  out += row("may", capabilities_text(credentials.effective));
  if (it.working_directory) {
    const std::string root = it.root_directory.value_or("/");
    out += row("directory", printable(style, *it.working_directory) +
                                (root == "/" ? "" : ", root " + printable(style, root)));
  }
  return out;
}

std::string memory_rows(const Style& style, const Inspection& it, bool with_maps) {
  std::string out = row("memory", memory_text(it));
  if (!it.maps || it.maps->empty()) return out;
  out += row("regions", regions_text(process_info::totals_of(*it.maps)));
  if (!with_maps) return out;
  for (const Mapping& mapping : *it.maps)
    out += row(&mapping == &it.maps->front() ? "maps" : "", map_text(style, mapping));
  return out;
}

std::string descriptor_rows(const Style& style, const Inspection& it) {
  std::string out;
  if (!it.descriptors) return out;
  for (const process_info::Descriptor& one : *it.descriptors)
    out += row(&one == &it.descriptors->front() ? "files" : "", descriptor_text(style, one));
  return out;
}

std::string process_rows(const Style& style, const Inspection& it, bool with_maps) {
  std::string out = row(
      "process", it.pid.text() + " " + printable(style, it.stat.name) + (it.main ? " (main)" : "") + ", " +
                     process_info::state_name(it.stat.state) + ", runs for " + duration(it.running_for_us));
  if (!it.arguments.empty()) out += row("command", command_text(style, it.arguments));
  if (it.program) out += row("program", printable(style, *it.program));
  out += row("relatives", relatives_text(it));
  out += identity_rows(style, it);
  out += row("schedule", schedule_text(it));
  out += memory_rows(style, it, with_maps);
  out += row("signals", signals_text(it.status.signals));
  out += row("limits", limits_text(it.limits));
  for (const process_info::Cgroup& cgroup : it.cgroups) {
    if (cgroup.hierarchy == 0) out += row("cgroup", printable(style, cgroup.path));
  }
  out += descriptor_rows(style, it);
  if (!it.denied.empty())
    out += row("not told", joined(style, it.denied) + ": for root and the same user only");
  return out;
}

}  // namespace

std::string render_inspection(const Style& style, const UnitInspection& inspection) {
  std::string out = printable(style, inspection.unit) + "\n";
  for (const Inspection& it : inspection.processes) {
    if (&it != &inspection.processes.front()) out += '\n';
    out += process_rows(style, it, inspection.with_maps);
  }
  if (inspection.processes.empty()) out += "  no process runs\n";
  return out;
}

}  // namespace init::ctl
