#include "daemon/pid1/facts.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <new>

#include "daemon/pid1/log.h"
#include "libinit/base/checksum.h"

namespace init::pid1 {
namespace {

constexpr std::size_t kBytes = channel::kFactsBytes + channel::page_up(sizeof(Private));
constexpr unsigned kMfdNoexecSeal = 8;  // Linux 6.3
constexpr unsigned kMfdExec = 16;

}  // namespace

int raise_fd(int fd) noexcept {
  const int raised = fcntl(fd, F_DUPFD_CLOEXEC, kLowFds);
  if (raised < 0) return fd;
  close(fd);
  return raised;
}

int make_memfd(const char* name, bool executable) noexcept {
  constexpr unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  const int fd = memfd_create(name, flags | (executable ? kMfdExec : kMfdNoexecSeal));
  return fd >= 0 || errno != EINVAL ? fd : memfd_create(name, flags);
}

int Facts::create() noexcept {
  const int fd = raise_fd(make_memfd("initd-facts", false));
  if (fd < 0) return errno;
  if (ftruncate(fd, kBytes) != 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    const int error = errno;
    close(fd);
    return error;
  }
  if (const int error = map(fd); error != 0) return error;
  open_ = true;
  new (base_) FactsHeader;
  new (base_ + kResumeOffset) Resume;
  new (base_ + channel::kBellOffset) channel::Bell;
  static_cast<void>(seal());
  return 0;
}

int Facts::adopt(int fd) noexcept {
  if (const int error = map(fd); error != 0) return error;
  open_ = true;
  static_cast<void>(seal());
  const FactsHeader& seen = header();
  const bool known = seen.magic == channel::kFactsMagic && seen.version == channel::kFactsVersion;
  return known && seen.slot_size == sizeof(Slot) ? 0 : EPROTO;
}

int Facts::map(int fd) noexcept {
  fd_.reset(fd);
  void* at = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) return errno;
  base_ = static_cast<std::byte*>(at);
  mprotect(base_ + channel::kSlotsOffset, channel::kBellOffset - channel::kSlotsOffset, PROT_READ);
  madvise(at, kBytes, MADV_DONTFORK);  // no child looks at them: a fork need not copy the mapping
  return 0;
}

FactsHeader& Facts::edit() noexcept {
  if (!open_ && mprotect(base_, channel::kSlotsOffset, PROT_READ | PROT_WRITE) != 0) {
    log_line(Line("facts: cannot be opened for writing: errno ").number(errno));
  }
  open_ = true;
  return *at<FactsHeader>(0);
}

Resume& Facts::edit_resume() noexcept {
  static_cast<void>(edit());
  return *at<Resume>(kResumeOffset);
}

void Facts::write_slot(std::uint32_t index, Slot& changed) noexcept {
  ++changed.serial;
  changed.crc = crc32c(&changed, offsetof(Slot, crc));
  const std::uint32_t used = index + 1;
  if (used > header().slots_used) write_through(offsetof(FactsHeader, slots_used), &used, sizeof(used));
  write_through(channel::kSlotsOffset + index * sizeof(Slot), &changed, sizeof(changed));
}

// Past the protection of the mapping, which would cost more than all else of a commit. A fault can come after
// each call: so a slot is counted before it is written, and after a fault all are announced.
void Facts::write_through(std::size_t offset, const void* data, std::size_t size) noexcept {
  if (pwrite(fd_.get(), data, size, static_cast<off_t>(offset)) == static_cast<ssize_t>(size)) return;
  open_ = mprotect(base_, channel::kBellOffset, PROT_READ | PROT_WRITE) == 0;  // the other way there
  std::memcpy(base_ + offset, data, size);
  mprotect(base_ + channel::kSlotsOffset, channel::kBellOffset - channel::kSlotsOffset, PROT_READ);
}

bool Facts::intact(std::uint32_t index) const noexcept {
  const Slot& seen = slot(index);
  return seen.serial == 0 || seen.crc == crc32c(&seen, offsetof(Slot, crc));
}

void Facts::announce(std::uint32_t what) noexcept {
  if (what == channel::kChangeOrphans) {
    if (orphans_announced_)
      return;  // once a turn: a storm of orphans must not push the slots out of the ring
    orphans_announced_ = true;
  }
  std::atomic<std::uint64_t>& head = at<channel::Bell>(channel::kBellOffset)->change_head;
  const std::uint64_t n = head.load(std::memory_order_relaxed);
  at<std::uint32_t>(channel::kChangeRingOffset)[n % channel::kChangeRing] = what;
  head.store(n + 1, std::memory_order_release);
}

void Facts::add_orphan(const channel::Orphan& orphan) noexcept {
  FactsHeader& head = edit();
  at<channel::Orphan>(channel::kOrphanRingOffset)[head.orphan_head % channel::kOrphanRing] = orphan;
  ++head.orphan_head;
  ++head.orphans_reaped;
  announce(channel::kChangeOrphans);
}

const channel::Orphan* Facts::find_orphan(std::int32_t pid) const noexcept {
  const auto* ring = at<channel::Orphan>(channel::kOrphanRingOffset);
  const std::uint64_t head = header().orphan_head;
  for (std::uint64_t back = 1; back <= head && back <= channel::kOrphanRing; ++back) {
    const channel::Orphan& seen = ring[(head - back) % channel::kOrphanRing];
    if (seen.pid == pid) return &seen;
  }
  return nullptr;
}

bool Facts::seal() noexcept {
  if (open_) mprotect(base_, channel::kSlotsOffset, PROT_READ);
  open_ = false;
  orphans_announced_ = false;
  const std::uint64_t head =
      at<channel::Bell>(channel::kBellOffset)->change_head.load(std::memory_order_relaxed);
  return std::exchange(sealed_head_, head) != head;
}

}  // namespace init::pid1
