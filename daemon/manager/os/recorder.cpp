#include "daemon/manager/os/recorder.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "daemon/channel/facts.h"

namespace init::manager {
namespace {

constexpr std::uint64_t kMagic = 0x3159524f54534948;  // "HISTORY1"
constexpr std::size_t kBytes = channel::kPage + Recorder::kEntries * sizeof(core::Entry);
constexpr std::size_t kEntriesPerPage = channel::kPage / sizeof(core::Entry);

}  // namespace

struct Recorder::Header {
  std::uint64_t magic = kMagic;
  std::uint64_t entry_size = sizeof(core::Entry);
  std::uint64_t count = 0;  // ever written
};

Recorder::Header& Recorder::header() const {
  return *static_cast<Header*>(base_);
}

core::Entry* Recorder::ring() const {
  return static_cast<core::Entry*>(static_cast<void*>(static_cast<std::byte*>(base_) + channel::kPage));
}

Result<Recorder> Recorder::create() {
  UniqueFd fd(memfd_create("initd-history", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd || ftruncate(fd.get(), kBytes) != 0 ||
      fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    return failure(errno, "make the memory of the recorder");
  auto made = map(std::move(fd));
  if (made) made->header() = Header{};
  return made;
}

Result<Recorder> Recorder::open(UniqueFd fd) {
  struct stat status {};
  if (fstat(fd.get(), &status) != 0 || status.st_size != static_cast<off_t>(kBytes))
    return failure(EBADMSG, "read the recorder");
  auto found = map(std::move(fd));
  if (!found) return found;
  const Header& header = found->header();
  if (header.magic != kMagic || header.entry_size != sizeof(core::Entry))
    return failure(EBADMSG, "read the recorder");
  return found;
}

Result<Recorder> Recorder::map(UniqueFd fd) {
  void* base = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (base == MAP_FAILED) return failure(errno, "map the recorder");
  return Recorder(std::move(fd), base);
}

Recorder::Recorder(Recorder&& other) noexcept
    : fd_(std::move(other.fd_)), base_(std::exchange(other.base_, nullptr)) {}

Recorder::~Recorder() {
  if (base_ != nullptr) munmap(base_, kBytes);
}

// An entry counts once its number stands, which is written last.
void Recorder::add(core::Entry entry) {
  const std::uint64_t before = header().count;
  const std::size_t place = before % kEntries;
  core::Entry* at = ring() + place;
  if (place % kEntriesPerPage == 0 && before != 0) {
    core::Entry* full = ring() + (before - 1) % kEntries / kEntriesPerPage * kEntriesPerPage;
    (void)madvise(full, channel::kPage, MADV_DONTNEED);  // it stays in the memfd
  }
  at->number = 0;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  entry.number = 0;
  *at = entry;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  at->number = before + 1;
  header().count = before + 1;
}

std::vector<core::Entry> Recorder::entries() const {
  const std::uint64_t count = header().count;
  std::vector<core::Entry> found;
  const std::uint64_t first = count > kEntries ? count - kEntries : 0;
  found.reserve(count - first);
  for (std::uint64_t n = first; n < count; ++n) {
    const core::Entry& entry = ring()[n % kEntries];
    if (entry.number == n + 1) found.push_back(entry);
  }
  return found;
}

}  // namespace init::manager
