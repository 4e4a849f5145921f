// Apart from the encoder: PID 1 links this one and not a heap.
#include <cstring>

#include "libinit/process/exec_plan.h"

namespace init::process {
namespace {

static_assert(std::has_unique_object_representations_v<ExecPlanHeader>, "padding would carry stray bytes");
static_assert(sizeof(ExecPlanHeader) == 472, "the layout is part of what outlives a version");

constexpr std::uint32_t kKnownFlags =
    kPlanNewSession | kPlanNoNewPrivileges | kPlanSetNice | kPlanSetOomScoreAdjust | kPlanControllingTty |
    kPlanSetProcessGroup | kPlanForeground | kPlanDirectoryMayMiss | kPlanSetScheduler | kPlanSetIoPriority |
    kPlanSetSecurebits | kPlanSetBounding | kPlanSetAmbient | kPlanSetNuma;
constexpr std::uint32_t kPermissionBits = 0777;
constexpr std::uint32_t kMaxCpuBytes = kMaxCpus / 8;

struct Table {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

class Checker {
 public:
  explicit Checker(std::span<const std::byte> plan) noexcept : plan_(plan) {}

  [[nodiscard]] bool well_formed() noexcept {
    return header_fits() && scalars_fit() && strings_fit() && vectors_fit() && groups_fit() && passed_fit() &&
           cpus_fit() && pid_slot_fits(header_.listen_pid, kListenPidSlot) &&
           pid_slot_fits(header_.watchdog_pid, kWatchdogPidSlot);
  }

 private:
  // The last byte of all being NUL, every offset inside the plan is that of a string which ends inside it.
  [[nodiscard]] bool header_fits() noexcept {
    if (plan_.size() < sizeof header_ || plan_.size() > kPlanMaxBytes) return false;
    std::memcpy(&header_, plan_.data(), sizeof header_);
    return header_.magic == kPlanMagic && header_.version == kPlanVersion &&
           header_.header_size == sizeof header_ && header_.size == plan_.size() &&
           plan_.back() == std::byte{0};
  }

  [[nodiscard]] bool scalars_fit() const noexcept {
    return (header_.flags & ~kKnownFlags) == 0 &&
           (header_.umask <= kPermissionBits || header_.umask == kKeepId) &&
           (header_.limit_mask >> kLimitCount) == 0;
  }

  [[nodiscard]] bool is_string(std::uint64_t offset) const noexcept {
    return offset >= sizeof header_ && offset < plan_.size();
  }
  [[nodiscard]] bool is_string_or_absent(std::uint64_t offset) const noexcept {
    return offset == 0 || is_string(offset);
  }

  [[nodiscard]] bool strings_fit() const noexcept {
    if (!is_string(header_.program) || !is_string_or_absent(header_.search_path) ||
        !is_string_or_absent(header_.working_directory) || !is_string_or_absent(header_.root_directory)) {
      return false;
    }
    for (std::size_t stream = 0; stream < header_.stdio.size(); ++stream) {
      if (!stream_fits(header_.stdio[stream], stream)) return false;
    }
    return true;
  }

  [[nodiscard]] bool stream_fits(const StdioPlan& stdio, std::size_t stream) const noexcept {
    switch (stdio.kind) {
      case StdioKind::Null:
      case StdioKind::Inherit:
      case StdioKind::Console:
        return true;
      case StdioKind::Passed:
        return stdio.index < kMaxPassedFds;
      case StdioKind::Append:
      case StdioKind::Truncate:
      case StdioKind::Read:
      case StdioKind::Terminal:
        return is_string(stdio.path);
      case StdioKind::SameAsStdout:
        return stream == 2;
    }
    return false;
  }

  [[nodiscard]] bool table_fits(std::uint32_t offset, std::uint64_t bytes,
                                std::uint32_t alignment) const noexcept {
    return offset >= sizeof header_ && offset % alignment == 0 && bytes <= plan_.size() &&
           offset <= plan_.size() - bytes;
  }

  template <class T>
  [[nodiscard]] T entry(std::uint32_t table, std::size_t index) const noexcept {
    T value{};
    std::memcpy(&value, plan_.data() + table + index * sizeof value, sizeof value);
    return value;
  }

  // Apart from one another, because the child rewrites each in place.
  [[nodiscard]] bool vectors_fit() const noexcept {
    const Table argv{header_.argv, header_.argv + (std::uint64_t{header_.argc} + 1) * sizeof(std::uint64_t)};
    const Table envp{header_.envp, header_.envp + (std::uint64_t{header_.envc} + 1) * sizeof(std::uint64_t)};
    return header_.argc > 0 && vector_fits(argv, header_.argc) && vector_fits(envp, header_.envc) &&
           (argv.end <= envp.begin || envp.end <= argv.begin);
  }

  [[nodiscard]] bool vector_fits(Table table, std::uint32_t count) const noexcept {
    const auto offset = static_cast<std::uint32_t>(table.begin);
    if (!table_fits(offset, table.end - table.begin, alignof(std::uint64_t))) return false;
    for (std::uint32_t index = 0; index < count; ++index) {
      if (!is_string(entry<std::uint64_t>(offset, index))) return false;
    }
    return entry<std::uint64_t>(offset, count) == 0;
  }

  [[nodiscard]] bool groups_fit() const noexcept {
    if (header_.group_count == kKeepId) return true;
    return table_fits(header_.groups, std::uint64_t{header_.group_count} * sizeof(gid_t), alignof(gid_t));
  }

  [[nodiscard]] bool passed_fit() const noexcept {
    if (header_.passed_count == 0) return true;
    const std::uint64_t bytes = std::uint64_t{header_.passed_count} * sizeof(PassedFdPlan);
    if (header_.passed_count > kMaxPassedFds || !table_fits(header_.passed, bytes, alignof(PassedFdPlan)))
      return false;
    for (std::uint32_t index = 0; index < header_.passed_count; ++index) {
      const auto passed = entry<PassedFdPlan>(header_.passed, index);
      if (passed.index >= kMaxPassedFds || passed.target >= kPassedFdEnd ||
          (passed.target < kFirstPassedFd && passed.target != kAwaitEnd)) {
        return false;
      }
    }
    return true;
  }

  [[nodiscard]] bool cpus_fit() const noexcept {
    if (header_.cpus == 0) return true;
    return header_.cpus_size <= kMaxCpuBytes && table_fits(header_.cpus, header_.cpus_size, 1);
  }

  template <std::size_t N>
  [[nodiscard]] bool pid_slot_fits(std::uint32_t at, const char (&slot)[N]) const noexcept {
    if (at == 0) return true;
    return at >= sizeof header_ && at < plan_.size() && plan_.size() - at >= N &&
           std::memcmp(plan_.data() + at, slot, N) == 0;
  }

  std::span<const std::byte> plan_;
  ExecPlanHeader header_;
};

}  // namespace

bool plan_is_well_formed(std::span<const std::byte> plan) noexcept {
  return Checker(plan).well_formed();
}

}  // namespace init::process
