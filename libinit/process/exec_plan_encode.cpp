#include <algorithm>
#include <bitset>
#include <cerrno>
#include <cstring>

#include "libinit/process/exec_plan.h"

namespace init::process {
namespace {

using Check = Result<>;

Failure invalid(std::string member) {
  return failure(EINVAL, "encode plan", std::move(member));
}

std::string indexed(const char* member, std::size_t index) {
  return std::string(member) + "[" + std::to_string(index) + "]";
}

bool has_nul(std::string_view text) {
  return text.find('\0') != std::string_view::npos;
}

bool is_assignment(std::string_view text) {
  const std::size_t equals = text.find('=');
  return equals != std::string_view::npos && equals > 0;
}

bool needs_path(StdioKind kind) {
  return kind == StdioKind::Append || kind == StdioKind::Truncate || kind == StdioKind::Read ||
         kind == StdioKind::Terminal;
}

Check check_strings(const PlanInput& input) {
  const bool is_bare = input.program.find('/') == std::string::npos;
  if (input.program.empty() || has_nul(input.program) || (is_bare && !input.search_path))
    return invalid("program");
  if (input.search_path && has_nul(*input.search_path)) return invalid("search_path");
  if (input.arguments.empty() || std::any_of(input.arguments.begin(), input.arguments.end(), has_nul)) {
    return invalid("arguments");
  }
  for (const std::string& variable : input.environment) {
    if (has_nul(variable) || !is_assignment(variable)) return invalid("environment");
  }
  if (has_nul(input.working_directory)) return invalid("working_directory");
  if (has_nul(input.root_directory) ||
      (!input.root_directory.empty() && input.root_directory.front() != '/')) {
    return invalid("root_directory");
  }
  return {};
}

Check check_stdio(const PlanInput& input) {
  for (std::size_t stream = 0; stream < input.stdio.size(); ++stream) {
    const PlanInput::Stdio& stdio = input.stdio[stream];
    const bool ok = !has_nul(stdio.path) && needs_path(stdio.kind) == !stdio.path.empty() &&
                    stdio.mode <= 07777 && stdio.index < kMaxPassedFds &&
                    (stdio.kind != StdioKind::SameAsStdout || stream == 2) &&
                    stdio.kind <= StdioKind::Terminal;
    if (!ok) return invalid(indexed("stdio", stream));
  }
  return {};
}

Check check_identity(const PlanInput& input) {
  if (input.uid == uid_t{kKeepId}) return invalid("uid");
  if (input.gid == gid_t{kKeepId}) return invalid("gid");
  if (!input.groups) return {};
  if (input.groups->size() > kMaxGroups) return failure(E2BIG, "encode plan", "groups");
  if (std::count(input.groups->begin(), input.groups->end(), gid_t{kKeepId}) > 0) return invalid("groups");
  return {};
}

// setpriority(2) would silently take the nearest nice value, a write to oom_score_adj fails only in the
// child.
Check check_numbers(const PlanInput& input) {
  if (input.umask && *input.umask > 0777) return invalid("umask");
  if (input.nice && (*input.nice < -20 || *input.nice > 19)) return invalid("nice");
  if (input.oom_score_adjust && (*input.oom_score_adjust < -1000 || *input.oom_score_adjust > 1000)) {
    return invalid("oom_score_adjust");
  }
  for (std::size_t resource = 0; resource < kLimitCount; ++resource) {
    const auto& limit = input.limits[resource];
    if (limit && limit->soft > limit->hard) return invalid(indexed("limits", resource));
  }
  for (const std::uint32_t cpu : input.cpus) {
    if (cpu >= kMaxCpus) return invalid("cpus");
  }
  if (input.parent_death_signal < 0 || input.parent_death_signal > 64) return invalid("parent_death_signal");
  if (input.bounding && (input.ambient.value_or(0) & ~*input.bounding) != 0) return invalid("ambient");
  return {};
}

// A new session has a process group of its own, and takes no terminal but by itself.
Check check_session(const PlanInput& input) {
  const bool joins = input.process_group.has_value();
  if (joins && (*input.process_group < 0 || input.new_session)) return invalid("process_group");
  if (input.controlling_tty && !input.new_session) return invalid("controlling_tty");
  if (input.foreground && input.new_session && !input.controlling_tty) return invalid("foreground");
  return {};
}

Check check_passed(const PlanInput& input) {
  if (input.passed.size() + (input.await_end ? 1 : 0) > kMaxPassedFds)
    return failure(E2BIG, "encode plan", "passed");
  if (input.await_end.value_or(0) >= kMaxPassedFds) return invalid("await_end");
  std::bitset<kPassedFdEnd> taken;
  for (std::size_t index = 0; index < input.passed.size(); ++index) {
    const PassedFdPlan& passed = input.passed[index];
    const bool ok = passed.index < kMaxPassedFds && passed.target >= kFirstPassedFd &&
                    passed.target < kPassedFdEnd && !taken.test(passed.target);
    if (!ok) return invalid(indexed("passed", index));
    taken.set(passed.target);
  }
  return {};
}

std::size_t bytes_of(const std::vector<std::string>& strings) {
  std::size_t bytes = sizeof(std::uint64_t);
  for (const std::string& text : strings) bytes += sizeof(std::uint64_t) + text.size() + 1;
  return bytes;
}

// An upper bound: padding and absent strings are counted as well.
std::size_t most_bytes(const PlanInput& input) {
  std::size_t bytes = sizeof(ExecPlanHeader) + bytes_of(input.arguments) + bytes_of(input.environment) +
                      input.program.size() + input.working_directory.size() + input.root_directory.size() +
                      (input.search_path ? input.search_path->size() : 0) + kMaxCpus / 8 +
                      (input.groups ? input.groups->size() * sizeof(gid_t) : 0) +
                      (input.passed.size() + 1) * sizeof(PassedFdPlan) + 96;
  for (const PlanInput::Stdio& stdio : input.stdio) bytes += stdio.path.size();
  return bytes;
}

Check check_size(const PlanInput& input) {
  if (most_bytes(input) <= kPlanMaxBytes) return {};
  const bool by_arguments = bytes_of(input.arguments) > bytes_of(input.environment);
  return failure(E2BIG, "encode plan", by_arguments ? "arguments" : "environment");
}

Check check(const PlanInput& input) {
  for (const auto part :
       {check_strings, check_stdio, check_identity, check_numbers, check_session, check_passed, check_size}) {
    if (Check result = part(input); !result) return result;
  }
  return {};
}

// Tables first, so that they are aligned without padding; then the strings, so that the plan ends in a NUL.
class Encoder {
 public:
  explicit Encoder(const PlanInput& input) : input_(input) { bytes_.reserve(most_bytes(input)); }

  std::vector<std::byte> encode() {
    bytes_.resize(sizeof header_);
    header_.header_size = sizeof header_;
    header_.argc = static_cast<std::uint32_t>(input_.arguments.size());
    header_.envc = static_cast<std::uint32_t>(input_.environment.size()) + (input_.listen_pid ? 1 : 0) +
                   (input_.watchdog_pid ? 1 : 0);
    header_.argv = room((header_.argc + std::size_t{1}) * sizeof(std::uint64_t));
    header_.envp = room((header_.envc + std::size_t{1}) * sizeof(std::uint64_t));
    put_tables();
    put_flags();
    put_scalars();
    put_strings();
    header_.size = static_cast<std::uint32_t>(bytes_.size());
    std::memcpy(bytes_.data(), &header_, sizeof header_);
    return std::move(bytes_);
  }

 private:
  std::uint32_t room(std::size_t bytes) {
    const auto offset = static_cast<std::uint32_t>(bytes_.size());
    bytes_.resize(bytes_.size() + bytes);
    return offset;
  }

  std::uint32_t append(const void* data, std::size_t bytes) {
    const std::uint32_t offset = room(bytes);
    if (bytes > 0) std::memcpy(bytes_.data() + offset, data, bytes);
    return offset;
  }

  std::uint32_t string(const std::string& text) { return append(text.c_str(), text.size() + 1); }
  std::uint32_t string_or_absent(const std::string& text) { return text.empty() ? 0 : string(text); }

  void put_entry(std::uint32_t table, std::size_t index, std::uint64_t offset) {
    std::memcpy(bytes_.data() + table + index * sizeof offset, &offset, sizeof offset);
  }

  void put_tables() {
    if (input_.groups) {
      header_.group_count = static_cast<std::uint32_t>(input_.groups->size());
      header_.groups = append(input_.groups->data(), input_.groups->size() * sizeof(gid_t));
    }
    std::vector<PassedFdPlan> passed = input_.passed;
    if (input_.await_end) passed.push_back({*input_.await_end, kAwaitEnd});
    header_.passed_count = static_cast<std::uint32_t>(passed.size());
    header_.passed = append(passed.data(), passed.size() * sizeof(PassedFdPlan));
    put_cpus();
  }

  void put_flags() {
    const auto set = [this](PlanFlags flag, bool wanted) { header_.flags |= wanted ? flag : 0U; };
    set(kPlanNewSession, input_.new_session);
    set(kPlanNoNewPrivileges, input_.no_new_privileges);
    set(kPlanSetNice, input_.nice.has_value());
    set(kPlanSetOomScoreAdjust, input_.oom_score_adjust.has_value());
    set(kPlanControllingTty, input_.controlling_tty);
    set(kPlanSetProcessGroup, input_.process_group.has_value());
    set(kPlanForeground, input_.foreground);
    set(kPlanDirectoryMayMiss, input_.working_directory_may_miss);
    set(kPlanSetScheduler, input_.scheduler.has_value());
    set(kPlanSetIoPriority, input_.io_priority.has_value());
    set(kPlanSetSecurebits, input_.securebits.has_value());
    set(kPlanSetBounding, input_.bounding.has_value());
    set(kPlanSetAmbient, input_.ambient.has_value());
    set(kPlanSetNuma, input_.numa.has_value());
  }

  void put_scalars() {
    header_.umask = input_.umask.value_or(kKeepId);
    header_.uid = input_.uid.value_or(kKeepId);
    header_.gid = input_.gid.value_or(kKeepId);
    header_.nice = input_.nice.value_or(0);
    header_.oom_score_adjust = input_.oom_score_adjust.value_or(0);
    header_.process_group = input_.process_group.value_or(0);
    if (input_.scheduler) {
      header_.scheduler = input_.scheduler->policy;
      header_.scheduler_priority = input_.scheduler->priority;
    }
    if (input_.numa) {
      header_.numa_policy = input_.numa->policy;
      header_.numa_nodes = input_.numa->nodes;
    }
    header_.io_priority = input_.io_priority.value_or(0);
    header_.parent_death_signal = input_.parent_death_signal;
    header_.securebits = input_.securebits.value_or(0);
    header_.bounding = input_.bounding.value_or(0);
    header_.ambient = input_.ambient.value_or(0);
    for (std::size_t resource = 0; resource < kLimitCount; ++resource) {
      if (!input_.limits[resource]) continue;
      header_.limit_mask |= 1U << resource;
      header_.limits[resource] = *input_.limits[resource];
    }
  }

  void put_cpus() {
    if (input_.cpus.empty()) return;
    std::vector<std::uint8_t> mask(*std::max_element(input_.cpus.begin(), input_.cpus.end()) / 8 + 1);
    for (const std::uint32_t cpu : input_.cpus) mask[cpu / 8] |= static_cast<std::uint8_t>(1U << cpu % 8);
    header_.cpus_size = static_cast<std::uint32_t>(mask.size());
    header_.cpus = append(mask.data(), mask.size());
  }

  void put_strings() {
    header_.program = string(input_.program);
    const bool is_bare = input_.program.find('/') == std::string::npos;
    if (is_bare && input_.search_path) header_.search_path = string(*input_.search_path);
    std::size_t index = 0;
    for (const std::string& argument : input_.arguments) put_entry(header_.argv, index++, string(argument));
    index = 0;
    for (const std::string& variable : input_.environment) put_entry(header_.envp, index++, string(variable));
    if (input_.listen_pid) {
      header_.listen_pid = append(kListenPidSlot, sizeof kListenPidSlot);
      put_entry(header_.envp, index++, header_.listen_pid);
    }
    if (input_.watchdog_pid) {
      header_.watchdog_pid = append(kWatchdogPidSlot, sizeof kWatchdogPidSlot);
      put_entry(header_.envp, index, header_.watchdog_pid);
    }
    header_.working_directory = string_or_absent(input_.working_directory);
    header_.root_directory = string_or_absent(input_.root_directory);
    for (std::size_t stream = 0; stream < input_.stdio.size(); ++stream) put_stream(stream);
  }

  void put_stream(std::size_t stream) {
    const PlanInput::Stdio& stdio = input_.stdio[stream];
    header_.stdio[stream] = {stdio.kind,  static_cast<std::uint8_t>(stdio.before_identity ? 1 : 0),
                             stdio.mode,  string_or_absent(stdio.path),
                             stdio.index, stdio.owner,
                             stdio.group};
  }

  const PlanInput& input_;
  ExecPlanHeader header_;
  std::vector<std::byte> bytes_;
};

}  // namespace

Result<std::vector<std::byte>> encode_plan(const PlanInput& input) {
  if (Check result = check(input); !result) return Failure(std::move(result).error());
  return Encoder(input).encode();
}

}  // namespace init::process
