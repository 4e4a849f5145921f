#include "daemon/logger/operation.h"

#include <sys/mman.h>

#include <cerrno>

namespace init::logger {

Result<OperationRecord> OperationRecord::open(UniqueFd memfd) {
  void* at = mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED, memfd.get(), 0);
  if (at == MAP_FAILED) return failure(errno, "map the logger's state");
  return OperationRecord(static_cast<Page*>(at));
}

OperationRecord::~OperationRecord() {
  if (page_ != nullptr) munmap(page_, sizeof(Page));
}

void OperationRecord::begin(const Operation& operation) {
  page_->operation = operation;
  page_->active.store(1, std::memory_order_release);
}

// Killed between these, the next one finds no `current` with this inode and that place, and cuts nothing:
// what it should have cut off has not been written yet.
void OperationRecord::move(Place place, std::uint64_t offset, std::uint64_t inode) {
  page_->operation.inode = 0;
  std::atomic_signal_fence(std::memory_order_release);
  page_->operation.place = place;
  page_->operation.offset = offset;
  std::atomic_signal_fence(std::memory_order_release);
  page_->operation.inode = inode;
}

}  // namespace init::logger
