// The manager's view of the facts: reads, never writes. A slot is copied and believed only when its checksum
// fits, so a reader that meets PID 1 in the middle of a commit tries again instead of seeing half of it.
#pragma once
#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "daemon/channel/facts.h"
#include "libinit/base/checksum.h"

namespace init::channel {

[[nodiscard]] inline std::uint32_t slot_crc(const Slot& slot) noexcept {
  return crc32c(&slot, offsetof(Slot, crc));
}

class FactsReader {
 public:
  constexpr FactsReader() noexcept = default;
  FactsReader(const FactsReader&) = delete;
  FactsReader& operator=(const FactsReader&) = delete;
  ~FactsReader() {
    if (base_ != nullptr) munmap(const_cast<std::byte*>(base_), kFactsBytes);
  }

  // Maps the facts; the fd stays the caller's. 0 or an errno; EPROTO when the layout is another version's.
  [[nodiscard]] int open(int fd) noexcept {
    void* at = mmap(nullptr, kFactsBytes, PROT_READ, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) return errno;
    base_ = static_cast<const std::byte*>(at);
    const FactsHeader& seen = header();
    const bool known =
        seen.magic == kFactsMagic && seen.version == kFactsVersion && seen.slot_size == sizeof(Slot);
    return known ? 0 : EPROTO;
  }

  [[nodiscard]] const FactsHeader& header() const noexcept { return *view<FactsHeader>(0); }

  // Entries ever written to the change ring.
  [[nodiscard]] std::uint64_t change_head() const noexcept {
    return view<Bell>(kBellOffset)->change_head.load(std::memory_order_acquire);
  }

  // A consistent copy of the slot. False: it did not settle within 1,000 looks (PID 1 is stopped in a commit,
  // or the checksum is wrong for good); the caller comes back with the next doorbell.
  [[nodiscard]] bool read_slot(std::uint32_t index, Slot& copy) const noexcept {
    const Slot* slot = view<Slot>(kSlotsOffset) + index;
    for (int look = 0; look < 1000; ++look) {
      std::memcpy(static_cast<void*>(&copy), static_cast<const void*>(slot), sizeof(copy));
      std::atomic_thread_fence(std::memory_order_acquire);
      if (copy.serial == 0 && copy.state == SlotState::Free) return true;  // never used
      if (slot_crc(copy) == copy.crc) return true;
    }
    return false;
  }

  // The pid as the kernel wrote it, even before PID 1 has committed it; 0 = none.
  [[nodiscard]] std::int32_t pid(std::uint32_t index) const noexcept {
    return view<std::int32_t>(kPidsOffset)[index];
  }
  [[nodiscard]] const StoreEntry& store_entry(std::uint32_t index) const noexcept {
    return view<StoreEntry>(kStoreOffset)[index];
  }
  // Entry number n ever written; good while n + kOrphanRing > header().orphan_head.
  [[nodiscard]] const Orphan& orphan(std::uint64_t n) const noexcept {
    return view<Orphan>(kOrphanRingOffset)[n % kOrphanRing];
  }

  // Calls visit(entry) for each entry of the change ring since cursor and moves cursor. False: the ring has
  // lapped the reader, some entries are lost; cursor is now at the head and the caller reads every slot below
  // slots_used.
  template <class Visit>
  [[nodiscard]] bool changes(std::uint64_t& cursor, Visit visit) const {
    const std::uint64_t head = change_head();
    while (cursor < head) {
      const std::uint32_t entry = view<std::uint32_t>(kChangeRingOffset)[cursor % kChangeRing];
      const std::uint64_t now = change_head();
      if (now - cursor >= kChangeRing) {  // the entry just read may have been overwritten meanwhile
        cursor = now;
        return false;
      }
      ++cursor;
      visit(entry);
    }
    return true;
  }

 private:
  template <class T>
  const T* view(std::size_t offset) const noexcept {
    return static_cast<const T*>(static_cast<const void*>(base_ + offset));
  }
  const std::byte* base_ = nullptr;
};

}  // namespace init::channel
