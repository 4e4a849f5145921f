#include "daemon/manager/app/slots.h"

#include "daemon/channel/facts.h"

namespace init::manager {

std::uint32_t Slots::take(const SlotUse& use) {
  std::uint32_t slot = static_cast<std::uint32_t>(uses_.size());
  if (!free_.empty()) slot = *free_.begin();
  if (slot >= channel::kSlotCount) return kNoSlot;
  adopt(slot, use);
  return slot;
}

void Slots::adopt(std::uint32_t slot, const SlotUse& use) {
  while (uses_.size() <= slot) {
    free_.insert(static_cast<std::uint32_t>(uses_.size()));
    uses_.emplace_back();
  }
  free_.erase(slot);
  uses_[slot] = use;
  by_process_[key(use.unit, use.attempt)] = slot;
}

void Slots::release(std::uint32_t slot) {
  SlotUse* use = find(slot);
  if (use == nullptr) return;
  by_process_.erase(key(use->unit, use->attempt));
  *use = {};
  free_.insert(slot);
}

SlotUse* Slots::find(std::uint32_t slot) {
  return slot < uses_.size() && uses_[slot].attempt != 0 ? &uses_[slot] : nullptr;
}

std::uint32_t Slots::find(core::UnitIndex unit, core::Attempt attempt) const {
  const auto at = by_process_.find(key(unit, attempt));
  return at == by_process_.end() ? kNoSlot : at->second;
}

void Slots::renumber(const std::vector<core::UnitIndex>& new_index) {
  by_process_.clear();
  for (std::uint32_t slot = 0; slot < uses_.size(); ++slot) {
    SlotUse& use = uses_[slot];
    if (use.attempt == 0) continue;
    if (use.unit != core::kNoUnit) use.unit = new_index.at(use.unit);
    by_process_[key(use.unit, use.attempt)] = slot;
  }
}

}  // namespace init::manager
