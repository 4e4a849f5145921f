#include "daemon/manager/os/facts_view.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <unordered_set>

#include "libinit/base/checksum.h"

namespace init::manager {

using channel::Slot;

Result<FactsView> FactsView::open(int fd) {
  struct stat status {};
  if (fstat(fd, &status) != 0) return failure(errno, "fstat", "facts");
  if (static_cast<std::size_t>(status.st_size) < channel::kFactsBytes)
    return failure(EBADMSG, "map facts", "too small");
  void* base = mmap(nullptr, channel::kFactsBytes, PROT_READ, MAP_SHARED, fd, 0);
  if (base == MAP_FAILED) return failure(errno, "mmap", "facts");
  FactsView view(base);
  const auto& header = view.header();
  if (header.magic != channel::kFactsMagic || header.version != channel::kFactsVersion ||
      header.slot_size != sizeof(Slot)) {
    return failure(EBADMSG, "read facts", "version differs");
  }
  return view;
}

FactsView::~FactsView() {
  if (base_ != nullptr) munmap(const_cast<void*>(base_), channel::kFactsBytes);
}

template <class T>
const T* FactsView::at(std::size_t offset) const {
  return reinterpret_cast<const T*>(static_cast<const char*>(base_) + offset);
}

std::optional<Slot> FactsView::slot(std::uint32_t index) const {
  if (index >= channel::kSlotCount) return std::nullopt;
  const Slot* place = at<Slot>(channel::kSlotsOffset) + index;
  for (int tries = 0; tries < 1000; ++tries) {
    Slot copy;
    std::memcpy(&copy, place, sizeof copy);
    std::atomic_thread_fence(std::memory_order_acquire);
    if (copy.serial == 0) return Slot{};  // never used
    if (copy.crc == crc32c(&copy, offsetof(Slot, crc))) return copy;
  }
  return std::nullopt;
}

std::uint32_t FactsView::slots_used() const {
  return std::min<std::uint32_t>(header().slots_used, channel::kSlotCount);
}

FactsView::Changes FactsView::take_changes() {
  Changes changes;
  const std::uint64_t from = cursor_;
  const auto* ring = at<std::uint32_t>(channel::kChangeRingOffset);
  cursor_ = header().change_head.load(std::memory_order_acquire);
  std::unordered_set<std::uint32_t> seen;
  for (std::uint64_t entry = std::max(from, cursor_ - std::min<std::uint64_t>(cursor_, channel::kChangeRing));
       entry != cursor_; ++entry) {
    const std::uint32_t change = ring[entry % channel::kChangeRing];
    if (change == channel::kChangeSignals) {
      changes.signals = true;
    } else if (change == channel::kChangeOrphans) {
      changes.orphans = true;
    } else if (seen.insert(change).second) {
      changes.slots.push_back(change);
    }
  }
  // More has been written since the last call, or while the ring was read, than it holds: look at everything.
  if (header().change_head.load(std::memory_order_acquire) - from > channel::kChangeRing) {
    changes = {{}, true, true};
    for (std::uint32_t slot = 0; slot < slots_used(); ++slot) changes.slots.push_back(slot);
  }
  return changes;
}

void FactsView::skip_to_now() {
  cursor_ = header().change_head.load(std::memory_order_acquire);
}

}  // namespace init::manager
