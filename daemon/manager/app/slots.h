// Which process of which unit stands in which slot of the facts.
#pragma once
#include <cstdint>
#include <set>
#include <unordered_map>
#include <vector>

#include "libinit/core/action.h"

namespace init::manager {

inline constexpr std::uint32_t kNoSlot = ~std::uint32_t{0};

struct SlotUse {
  core::UnitIndex unit = 0;
  core::Attempt attempt = 0;  // 0 = not in use
  core::Role role = core::Role::Main;
  bool spawned = false;  // the engine has been told so much
  bool running = false;
  bool errand = false;  // nothing of a unit: see errands.h
};

class Slots {
 public:
  // The lowest free slot; kNoSlot when all are taken.
  [[nodiscard]] std::uint32_t take(const SlotUse& use);
  // At recovery: this slot is in use already.
  void adopt(std::uint32_t slot, const SlotUse& use);
  void release(std::uint32_t slot);
  // Null when the slot is free.
  [[nodiscard]] SlotUse* find(std::uint32_t slot);
  // kNoSlot when there is no such process.
  [[nodiscard]] std::uint32_t find(core::UnitIndex unit, core::Attempt attempt) const;
  // After a reload: old index -> new index for every unit.
  void renumber(const std::vector<core::UnitIndex>& new_index);

 private:
  static std::uint64_t key(core::UnitIndex unit, core::Attempt attempt) {
    return (std::uint64_t{unit} << 32) | attempt;
  }

  std::vector<SlotUse> uses_;
  std::set<std::uint32_t> free_;  // below uses_.size()
  std::unordered_map<std::uint64_t, std::uint32_t> by_process_;
};

}  // namespace init::manager
