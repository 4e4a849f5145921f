// PID 1's side of the facts (daemon/channel/facts.h): the one writer. What the manager may rely on is
// write-protected, so that a stray write faults instead of telling a lie: slots are written through the file,
// the rest between the first edit of a loop turn and seal(). Behind the facts, in the same memfd, lie the
// private records: shared memory, so that a fork copies none of it, and still there after PID 1 has executed
// itself anew.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>

#include "daemon/channel/facts.h"
#include "libinit/base/unique_fd.h"
#include "libinit/process/child_steps.h"

namespace init::pid1 {

using channel::FactsHeader;
using channel::Slot;
using channel::SlotState;

inline constexpr std::uint32_t kLowFds =
    1024;  // below: what a child may take along; from here on: what PID 1 holds

// What PID 1 must remember of a child besides its slot.
struct Child {
  std::int32_t pidfd = -1;    // -1 = none, its end shows in a sweep
  std::int32_t report = -1;   // read end; -1 = all was said
  process::ChildReport said;  // last; the kernel writes it here, so no fault comes between the pipe and this
  std::uint32_t reserved = 0;
  std::uint32_t low_fds = 0;     // how many it owns in low_owner
  std::uint32_t kept_fds = 0;    // entries of kStoreKept; 0 = it is not kept
  std::uint32_t kept_flags = 0;  // SpawnFlags

  [[nodiscard]] bool executed() const noexcept { return said.step != 0 && said.error == 0; }
};

struct Private {
  std::array<Child, channel::kSlotCount> children;
  std::array<std::uint32_t, kLowFds> low_owner;          // slot + 1 for which this fd is kept open, 0 = none
  std::array<std::uint16_t, channel::kSlotCount> hints;  // the slot that a pid, modulo, was last seen in
  std::int64_t faults_since;                             // CLOCK_MONOTONIC in ns
  std::uint32_t faults;                                  // since then
  std::uint32_t packet_in_hand;                          // not 0 while requests are taken from the channel
};

// What the next self must know beyond what the manager may know. As well protected as the header, behind it.
struct Resume {
  std::int32_t facts_for_reading = -1;
  std::int32_t program = -1;  // of the manager
  std::int32_t self = -1;     // initd's own sealed copy
  std::int32_t socket = -1;   // the channel to the manager
  std::int32_t doorbell = -1;
  std::int32_t manager_pid = 0;  // 0 = there is none
  std::uint64_t file_limit = 0;  // the soft limit before initd raised it
};
inline constexpr std::size_t kResumeOffset = channel::kPage / 2;
static_assert(sizeof(FactsHeader) <= kResumeOffset &&
              kResumeOffset + sizeof(Resume) <= channel::kOrphanRingOffset);

class Facts {
 public:
  // 0 or an errno. Sealed SHRINK, GROW and SEAL: F_SEAL_WRITE would refuse the mapping, FUTURE_WRITE the one
  // after re-exec.
  [[nodiscard]] int create() noexcept;
  // The facts of an earlier self. EPROTO: of another layout.
  [[nodiscard]] int adopt(int fd) noexcept;

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] std::byte* base() const noexcept { return base_; }
  [[nodiscard]] const FactsHeader& header() const noexcept { return *at<FactsHeader>(0); }
  [[nodiscard]] const Slot& slot(std::uint32_t index) const noexcept {
    return at<Slot>(channel::kSlotsOffset)[index];
  }
  [[nodiscard]] channel::StoreEntry* store() const noexcept {
    return at<channel::StoreEntry>(channel::kStoreOffset);
  }
  // Where the kernel writes the pid of the slot's child; always writable.
  [[nodiscard]] std::int32_t* pid_cell(std::uint32_t index) const noexcept {
    return at<std::int32_t>(channel::kPidsOffset) + index;
  }
  [[nodiscard]] Private& own() const noexcept { return *at<Private>(channel::kFactsBytes); }

  [[nodiscard]] const Resume& resume() const noexcept { return *at<Resume>(kResumeOffset); }

  // Opens the facts, but not the slots, for writing until seal().
  [[nodiscard]] FactsHeader& edit() noexcept;
  [[nodiscard]] Resume& edit_resume() noexcept;
  // Changes one slot, with serial, checksum and an entry in the change ring. The change is made on a copy, so
  // that a reader meets half of it only for the length of one memcpy.
  template <class Change>
  void commit(std::uint32_t index, Change change) noexcept {
    note(index, change);
    announce(index);
  }
  // The same without a word to the manager: for what is no news until more comes of it.
  template <class Change>
  void note(std::uint32_t index, Change change) noexcept {
    Slot copy = slot(index);
    change(copy);
    write_slot(index, copy);
  }
  [[nodiscard]] bool intact(std::uint32_t index) const noexcept;
  void add_orphan(const channel::Orphan& orphan) noexcept;
  // The latest orphan of that pid in the ring; nullptr = not seen, or long ago.
  [[nodiscard]] const channel::Orphan* find_orphan(std::int32_t pid) const noexcept;
  // An entry in the change ring: a slot or kChangeSignals, kChangeOrphans.
  void announce(std::uint32_t what) noexcept;
  // The end of a turn: protects the facts again. True when something was announced since the last time.
  [[nodiscard]] bool seal() noexcept;

 private:
  template <class T>
  T* at(std::size_t offset) const noexcept {
    return static_cast<T*>(static_cast<void*>(base_ + offset));
  }
  [[nodiscard]] int map(int fd) noexcept;
  void write_slot(std::uint32_t index, Slot& changed) noexcept;
  void write_through(std::size_t offset, const void* data, std::size_t size) noexcept;

  UniqueFd fd_;
  std::byte* base_ = nullptr;
  bool open_ = false;
  bool orphans_announced_ = false;
  std::uint64_t sealed_head_ = 0;
};

// Moves an fd, as long as there is room, to kLowFds or above, O_CLOEXEC, where a child need not close it. Its
// number from now on.
[[nodiscard]] int raise_fd(int fd) noexcept;
// A memfd, O_CLOEXEC, executable or not as asked where the kernel tells the two apart. -1 with errno.
[[nodiscard]] int make_memfd(const char* name, bool executable) noexcept;

}  // namespace init::pid1
