// Does with a plan what the child steps do with its memory, and counts every access that leaves it. Written
// apart from the checker, so that one may judge the other.
#pragma once
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "libinit/process/exec_plan.h"

namespace init::process::testing {

class PlanWalk {
 public:
  explicit PlanWalk(std::span<const std::byte> plan) : bytes_(plan.begin(), plan.end()) {
    read_at(0, &header_, sizeof header_);
  }

  // The number of accesses outside the plan; 0 = the plan is harmless.
  int strays() {
    read_string(header_.program);
    if (header_.search_path != 0) read_string(header_.search_path);
    if (header_.working_directory != 0) read_string(header_.working_directory);
    if (header_.root_directory != 0) read_string(header_.root_directory);
    read_streams();
    read_tables();
    write_listen_pid();
    convert(header_.argv, header_.argc);
    convert(header_.envp, header_.envc);
    follow(header_.argv, header_.argc);
    follow(header_.envp, header_.envc);
    return strays_;
  }

  [[nodiscard]] const ExecPlanHeader& header() const { return header_; }

  std::optional<std::string> read_string(std::uint64_t offset) {
    for (std::uint64_t end = offset; end < bytes_.size(); ++end) {
      if (bytes_[end] == std::byte{0}) {
        return std::string(reinterpret_cast<const char*>(bytes_.data()) + offset, end - offset);
      }
    }
    ++strays_;
    return std::nullopt;
  }

  std::vector<std::string> read_vector(std::uint32_t table, std::uint32_t count) {
    std::vector<std::string> strings;
    for (std::uint32_t index = 0; index < count; ++index) {
      strings.push_back(read_string(entry<std::uint64_t>(table, index)).value_or("?"));
    }
    return strings;
  }

  template <class T>
  T entry(std::uint64_t table, std::uint64_t index) {
    T value{};
    if (table % alignof(T) != 0) ++strays_;
    read_at(table + index * sizeof value, &value, sizeof value);
    return value;
  }

 private:
  // In place of the addresses that the child would put there.
  static constexpr std::uint64_t kPointer = std::uint64_t{1} << 40;

  bool inside(std::uint64_t offset, std::uint64_t size) {
    const bool ok = offset <= bytes_.size() && size <= bytes_.size() - offset;
    if (!ok) ++strays_;
    return ok;
  }

  void read_at(std::uint64_t offset, void* to, std::size_t size) {
    if (inside(offset, size)) std::memcpy(to, bytes_.data() + offset, size);
  }

  void read_streams() {
    for (const StdioPlan& stdio : header_.stdio) {
      const bool opens = stdio.kind == StdioKind::Append || stdio.kind == StdioKind::Truncate ||
                         stdio.kind == StdioKind::Read || stdio.kind == StdioKind::Terminal;
      if (opens) read_string(stdio.path);
      if (stdio.kind > StdioKind::Terminal ||
          (stdio.kind == StdioKind::Passed && stdio.index >= kMaxPassedFds)) {
        ++strays_;
      }
    }
  }

  void read_tables() {
    if (header_.group_count != kKeepId) {
      for (std::uint64_t index = 0; index < header_.group_count; ++index) entry<gid_t>(header_.groups, index);
    }
    for (std::uint64_t at = 0; header_.cpus != 0 && at < header_.cpus_size; ++at)
      entry<std::uint8_t>(header_.cpus, at);
    if (header_.passed_count > kMaxPassedFds) ++strays_;
    for (std::uint64_t index = 0; index < header_.passed_count; ++index) {
      const auto passed = entry<PassedFdPlan>(header_.passed, index);
      if (passed.index >= kMaxPassedFds || passed.target >= kPassedFdEnd) ++strays_;
      if (passed.target < 3 && passed.target != kAwaitEnd) ++strays_;
    }
  }

  void write_listen_pid() {
    if (header_.listen_pid == 0 || !inside(header_.listen_pid, sizeof "LISTEN_PID=4294967295")) return;
    std::memcpy(bytes_.data() + header_.listen_pid, "LISTEN_PID=4294967295", sizeof "LISTEN_PID=4294967295");
  }

  void convert(std::uint32_t table, std::uint32_t count) {
    for (std::uint32_t index = 0; index < count; ++index) {
      const std::uint64_t pointer = entry<std::uint64_t>(table, index) + kPointer;
      const std::uint64_t offset = table + index * sizeof pointer;
      if (inside(offset, sizeof pointer)) std::memcpy(bytes_.data() + offset, &pointer, sizeof pointer);
    }
  }

  // What the kernel does with the finished vectors.
  void follow(std::uint32_t table, std::uint32_t count) {
    for (std::uint32_t index = 0; index < count; ++index)
      read_string(entry<std::uint64_t>(table, index) - kPointer);
    if (entry<std::uint64_t>(table, count) != 0) ++strays_;
  }

  std::vector<std::byte> bytes_;
  ExecPlanHeader header_;
  int strays_ = 0;
};

}  // namespace init::process::testing
