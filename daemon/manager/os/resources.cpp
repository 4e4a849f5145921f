#include "daemon/manager/os/resources.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

#include "daemon/manager/os/file.h"
#include "libinit/base/names.h"
#include "libinit/base/unique_fd.h"

namespace init::manager {
namespace {

constexpr std::size_t kLargestFile = 64 * 1024;
constexpr std::uint32_t kQuotaPeriod = 100'000;  // microseconds

std::string memory_text(const unit::Memory& memory, std::uint64_t machine) {
  if (memory.percent) return std::to_string(machine / 100 * memory.amount);
  return memory.amount == unit::kUnlimited ? "max" : std::to_string(memory.amount);
}

// "0-2,5" of 0 1 2 5, as cpuset.cpus takes it.
std::string ranges(const std::vector<std::uint32_t>& numbers) {
  std::string text;
  for (std::size_t first = 0; first < numbers.size();) {
    std::size_t last = first;
    while (last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1) ++last;
    text += (text.empty() ? "" : ",") + std::to_string(numbers[first]);
    if (last > first) text += "-" + std::to_string(numbers[last]);
    first = last + 1;
  }
  return text;
}

std::string path_of(const std::string& group, const std::string& file) {
  return group + "/" + file;
}

// One write, as the files of a control group want it.
int write_value(int dir, const std::string& path, const std::string& value) {
  const UniqueFd fd(openat(dir, path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) return errno;
  return write(fd.get(), value.data(), value.size()) < 0 ? errno : 0;
}

std::optional<std::uint64_t> number_in(int units, const std::string& path) {
  auto text = read_file(units, path, kLargestFile);
  if (!text) return std::nullopt;
  while (text->ends_with('\n')) text->pop_back();
  return parse_decimal(*text, ~std::uint64_t{0});  // "max" is no number
}

// The sum of what follows `word`, over all lines: "usage_usec 5", "8:0 rbytes=5 wbytes=6".
std::optional<std::uint64_t> sum_of(const std::string& text, std::string_view word) {
  std::optional<std::uint64_t> sum;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
    if (at > 0 && text[at - 1] != '\n' && text[at - 1] != ' ') continue;
    const std::size_t begin = at + word.size();
    const std::size_t end = text.find_first_of(" \n", begin);
    const auto value = parse_decimal(std::string_view(text).substr(begin, end - begin), ~std::uint64_t{0});
    if (value) sum = sum.value_or(0) + *value;
  }
  return sum;
}

std::optional<std::uint64_t> field_in(int units, const std::string& path, std::string_view word) {
  const auto text = read_file(units, path, kLargestFile);
  return text ? sum_of(*text, word) : std::nullopt;
}

}  // namespace

std::uint64_t machine_memory() {
  struct sysinfo info {};
  return sysinfo(&info) == 0 ? std::uint64_t{info.totalram} * info.mem_unit : 0;
}

std::vector<CgroupSetting> cgroup_settings(const unit::Resources& resources, std::uint64_t machine_memory) {
  std::vector<CgroupSetting> settings;
  const auto memory = [&](const std::optional<unit::Memory>& value, const char* key, const char* file) {
    if (value) settings.push_back({key, "memory", file, memory_text(*value, machine_memory)});
  };
  const auto number = [&](const auto& value, const char* key, const char* controller, const char* file) {
    if (value) settings.push_back({key, controller, file, std::to_string(*value)});
  };
  memory(resources.memory_min, "memory-min", "memory.min");
  memory(resources.memory_low, "memory-low", "memory.low");
  memory(resources.memory_high, "memory-high", "memory.high");
  memory(resources.memory_max, "memory-max", "memory.max");
  memory(resources.swap_max, "swap-max", "memory.swap.max");
  if (resources.oom_policy != unit::OomPolicy::Continue) {
    const bool kill = resources.oom_policy == unit::OomPolicy::Kill;
    settings.push_back({"oom-policy", "memory", "memory.oom.group", kill ? "1" : "0"});
  }
  number(resources.cpu_weight, "cpu-weight", "cpu", "cpu.weight");
  if (resources.cpu_quota) {
    const std::uint64_t quota = std::uint64_t{*resources.cpu_quota} * kQuotaPeriod / 100;
    settings.push_back(
        {"cpu-quota", "cpu", "cpu.max", std::to_string(quota) + " " + std::to_string(kQuotaPeriod)});
  }
  if (resources.tasks_max == unit::kUnlimited) {
    settings.push_back({"tasks-max", "pids", "pids.max", "max"});
  } else {
    number(resources.tasks_max, "tasks-max", "pids", "pids.max");
  }
  number(resources.io_weight, "io-weight", "io", "io.weight");
  if (!resources.cpus.empty()) settings.push_back({"cpus", "cpuset", "cpuset.cpus", ranges(resources.cpus)});
  return settings;
}

void enable_controller(int units, const std::string& group, const std::string& controller) {
  for (const char* level : {"../cgroup.subtree_control", "cgroup.subtree_control"})
    (void)write_value(units, level, "+" + controller);
  for (std::size_t at = group.find('/'); at != std::string::npos; at = group.find('/', at + 1))
    (void)write_value(units, path_of(group.substr(0, at), "cgroup.subtree_control"), "+" + controller);
}

Result<std::vector<std::string>> apply_settings(int units, const std::string& group,
                                                const std::vector<CgroupSetting>& settings) {
  std::vector<std::string> missing;
  for (const CgroupSetting& setting : settings) {
    const std::string path = path_of(group, setting.file);
    int error = write_value(units, path, setting.value);
    if (error == ENOENT) {
      enable_controller(units, group, setting.controller);
      error = write_value(units, path, setting.value);
    }
    if (error == ENOENT) {
      missing.push_back(setting.key);
    } else if (error != 0) {
      return failure(error, setting.key, setting.file + " = " + setting.value);
    }
  }
  return missing;
}

void reset_others(int units, const std::string& group, const std::vector<CgroupSetting>& settings) {
  constexpr std::pair<const char*, const char*> kUsual[] = {
      {"memory.min", "0"},       {"memory.low", "0"},   {"memory.high", "max"},
      {"memory.max", "max"},     {"cpu.weight", "100"}, {"memory.swap.max", "max"},
      {"cpu.max", "max 100000"}, {"pids.max", "max"},   {"io.weight", "default 100"},
      {"cpuset.cpus", "\n"}};
  for (const auto& [file, value] : kUsual) {
    const auto sets_it = [name = file](const CgroupSetting& one) { return one.file == name; };
    if (std::none_of(settings.begin(), settings.end(), sets_it))
      (void)write_value(units, path_of(group, file), value);
  }
}

bool lacks_file(int units, const std::string& group, const std::string& file) {
  return faccessat(units, path_of(group, file).c_str(), F_OK, 0) != 0 &&
         faccessat(units, path_of(group, "cgroup.procs").c_str(), F_OK, 0) == 0;
}

Result<> delegate_group(int units, const std::string& group, uid_t uid, gid_t gid) {
  if (fchownat(units, group.c_str(), uid, gid, AT_SYMLINK_NOFOLLOW) != 0)
    return failure(errno, "delegate", group);
  for (const char* file : {"cgroup.procs", "cgroup.threads", "cgroup.subtree_control"}) {
    const std::string path = path_of(group, file);
    if (fchownat(units, path.c_str(), uid, gid, AT_SYMLINK_NOFOLLOW) != 0 && errno != ENOENT)
      return failure(errno, "delegate", path);
  }
  return {};
}

std::uint64_t oom_kills(int units, const std::string& group) {
  return field_in(units, path_of(group, "memory.events"), "oom_kill ").value_or(0);
}

Usage read_usage(int units, const std::string& group) {
  Usage usage;
  usage.memory = number_in(units, path_of(group, "memory.current"));
  usage.memory_peak = number_in(units, path_of(group, "memory.peak"));
  usage.memory_max = number_in(units, path_of(group, "memory.max"));
  usage.swap = number_in(units, path_of(group, "memory.swap.current"));
  usage.tasks = number_in(units, path_of(group, "pids.current"));
  usage.tasks_max = number_in(units, path_of(group, "pids.max"));
  usage.cpu_us = field_in(units, path_of(group, "cpu.stat"), "usage_usec ");
  usage.io_read = field_in(units, path_of(group, "io.stat"), "rbytes=");
  usage.io_written = field_in(units, path_of(group, "io.stat"), "wbytes=");
  usage.oom_kills = oom_kills(units, group);
  return usage;
}

}  // namespace init::manager
