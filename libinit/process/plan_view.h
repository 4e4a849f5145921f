// A well-formed plan as the child reads it, through offsets, without alignment of the whole.
#pragma once
#include <cstring>
#include <span>

#include "libinit/process/exec_plan.h"

namespace init::process {

class PlanView {
 public:
  explicit PlanView(std::span<std::byte> plan) noexcept : base_(plan.data()) {
    std::memcpy(&header_, base_, sizeof header_);
  }

  [[nodiscard]] const ExecPlanHeader& header() const noexcept { return header_; }
  [[nodiscard]] bool has(PlanFlags flag) const noexcept { return (header_.flags & flag) != 0; }
  [[nodiscard]] std::byte* at(std::uint64_t offset) const noexcept { return base_ + offset; }
  [[nodiscard]] char* string(std::uint64_t offset) const noexcept {
    return reinterpret_cast<char*>(at(offset));
  }

  template <class T>
  [[nodiscard]] T entry(std::uint32_t table, std::size_t index) const noexcept {
    T value;
    std::memcpy(&value, at(table) + index * sizeof value, sizeof value);
    return value;
  }

  // The table of string offsets as execve(2) wants it. Once for each table: offsets become addresses in
  // place.
  [[nodiscard]] std::byte* turn_into_pointers(std::uint32_t table, std::uint32_t count) const noexcept {
    for (std::uint32_t index = 0; index < count; ++index) {
      const char* const text = string(entry<std::uint64_t>(table, index));
      std::memcpy(at(table) + index * sizeof text, &text, sizeof text);
    }
    return at(table);
  }

 private:
  static_assert(sizeof(char*) == sizeof(std::uint64_t));

  std::byte* base_;
  ExecPlanHeader header_;
};

}  // namespace init::process
