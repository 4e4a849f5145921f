// The facts: a memfd that PID 1 writes and the manager reads. What stands here is what happened; messages are
// only doorbells. Fixed layout, versioned, sparse: 65,536 slots are mapped, pages come into being when a slot
// is first used.
//
// Layout of the memfd: FactsHeader | orphan ring | store table | slots || bell and change ring | pids. What
// stands before || is write-protected in PID 1 outside commit. The ring only says where to look, and the pids
// are written by the kernel (CLONE_PARENT_SETTID).
#pragma once
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace init::channel {

inline constexpr std::uint64_t kFactsMagic = 0x3153544341465449;  // "ITFACTS1"
inline constexpr std::uint32_t kFactsVersion = 1;
inline constexpr std::size_t kPage = 4096;
inline constexpr std::size_t kSlotCount = 65536;
inline constexpr std::size_t kChangeRing = 8192;
inline constexpr std::size_t kOrphanRing = 4096;
inline constexpr std::size_t kStoreCount = 65536;
inline constexpr std::size_t kSignalCount = 65;

enum class SlotState : std::uint32_t {
  Free = 0,
  Spawning = 1,  // cloned (pid known) or about to be; exec not yet reported
  Running = 2,   // exec was reported, or the process is only watched
  Exited = 3,    // status stands; Free again after Acknowledge
  Failed = 4,    // never ran: fork or a child step failed; Free again after Acknowledge
};

enum SlotFlags : std::uint32_t {
  kSlotWatched = 1U << 0,    // not spawned into this slot: adopted by Watch
  kSlotUncertain = 1U << 1,  // the exit was seen, its status was not (not our child)
  kSlotNoCgroup = 1U << 2,   // CLONE_INTO_CGROUP was refused and the child joined by itself
  kSlotAgain = 1U << 3,      // PID 1 has started it again while it was alone; the same attempt to the manager
};

// One process. tag, attempt and role are the manager's words, never read by PID 1.
struct alignas(64) Slot {
  std::uint64_t tag = 0;
  std::uint32_t attempt = 0;
  std::uint32_t role = 0;
  SlotState state = SlotState::Free;
  std::int32_t pid = 0;          // 0 while Spawning until PID 1 has copied it from the pids page
  std::uint64_t started_ns = 0;  // CLOCK_MONOTONIC
  std::uint64_t ended_ns = 0;
  std::uint32_t exit_kind = 0;  // process::ExitStatus::Kind
  std::int32_t exit_value = 0;
  std::uint32_t failed_step = 0;  // process::ChildStep; set with state Failed
  std::int32_t failed_errno = 0;
  std::uint32_t failed_detail = 0;
  std::uint32_t flags = 0;
  std::uint64_t user_us = 0;  // rusage of the process, set with the exit
  std::uint64_t system_us = 0;
  std::uint64_t peak_kib = 0;
  std::uint32_t serial = 0;  // grows by one with each commit of this slot
  std::uint32_t crc = 0;     // crc32c of all before it
};
static_assert(sizeof(Slot) == 128);

struct Orphan {
  std::int32_t pid = 0;
  std::uint32_t uid = 0;
  std::uint32_t exit_kind = 0;
  std::int32_t exit_value = 0;
};

// A descriptor that PID 1 keeps for the manager. kind and tag are the manager's words.
struct StoreEntry {
  std::uint32_t kind = 0;  // 0 = free
  std::int32_t fd = -1;    // in PID 1's table
  std::uint64_t tag = 0;
};

// How a signal reached PID 1; what it means is the manager's decision.
struct SignalFact {
  std::uint32_t count = 0;
  std::int32_t sender_pid = 0;  // of the last one, as signalfd(2) tells it; 0 = the kernel
  std::uint32_t sender_uid = 0;
};

enum class Environment : std::uint32_t { Machine = 1, Container = 2, Process = 3 };

struct FactsHeader {
  std::uint64_t magic = kFactsMagic;
  std::uint32_t version = kFactsVersion;
  std::uint32_t slot_size = sizeof(Slot);
  std::uint64_t epoch = 0;             // grows with each start of the manager
  std::uint32_t manager_restarts = 0;  // since boot
  std::int32_t manager_last_exit_kind = 0;
  std::int32_t manager_last_exit_value = 0;
  Environment environment = Environment::Process;  // PID 1 of a machine, of a namespace, or no PID 1 at all
  std::uint64_t started_ns = 0;                    // CLOCK_MONOTONIC at initd's own start
  std::uint64_t orphans_reaped = 0;
  std::uint64_t orphan_head = 0;  // entries ever written to the orphan ring
  std::uint32_t slots_used = 0;   // one past the highest slot ever used
  std::uint32_t store_used = 0;
  std::array<SignalFact, kSignalCount> signals{};
  std::uint32_t executions = 0;      // of PID 1 by itself: after faults, and to be renewed
  std::uint32_t manager_deaths = 0;  // in a row, of managers that lived for less than a minute
};

// The ladder of a manager that dies again and again, by manager_deaths. SIGKILL is nobody's fault and is not
// counted.
inline constexpr std::uint32_t kDeathsToSafeMode = 5;  // the next one sees to essential units only
inline constexpr std::uint32_t kDeathsToAlone = 10;    // PID 1 does without, and tries one each minute

// Where the change ring stands. Only says where to look.
struct Bell {
  std::atomic<std::uint64_t> change_head = 0;  // entries ever written to the change ring, release order
};

// Offsets in the memfd, bytes.
constexpr std::size_t page_up(std::size_t bytes) {
  return (bytes + kPage - 1) / kPage * kPage;
}
inline constexpr std::size_t kOrphanRingOffset = page_up(sizeof(FactsHeader));
inline constexpr std::size_t kStoreOffset = page_up(kOrphanRingOffset + kOrphanRing * sizeof(Orphan));
inline constexpr std::size_t kSlotsOffset = page_up(kStoreOffset + kStoreCount * sizeof(StoreEntry));
inline constexpr std::size_t kBellOffset = page_up(kSlotsOffset + kSlotCount * sizeof(Slot));
inline constexpr std::size_t kChangeRingOffset = kBellOffset + sizeof(Bell);
inline constexpr std::size_t kPidsOffset = page_up(kChangeRingOffset + kChangeRing * sizeof(std::uint32_t));
inline constexpr std::size_t kFactsBytes = page_up(kPidsOffset + kSlotCount * sizeof(std::int32_t));

// Entry number n of the change ring stands at n % kChangeRing: the slot that changed, or one of these.
inline constexpr std::uint32_t kChangeSignals = 0xffffffffU;  // FactsHeader::signals moved
inline constexpr std::uint32_t kChangeOrphans = 0xfffffffeU;

}  // namespace init::channel
