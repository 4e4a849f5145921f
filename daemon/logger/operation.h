// The piece of work in hand, in memory that outlives the logger: some bytes have been taken out of a
// service's pipe and are not yet stored for good. There is one at a time, so a page is enough. Whoever starts
// next takes back what was half written and does it again.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>

#include "daemon/channel/messages.h"
#include "libinit/base/result.h"
#include "libinit/base/unique_fd.h"

namespace init::logger {

// Which of a unit's two directories.
enum class Place : std::uint32_t { Disk, Memory, Nowhere };

// One datagram of a socket: no sender sends two in the same nanosecond.
struct DatagramId {
  std::int64_t sent_ns = 0;  // 0 = none
  std::int32_t sender = 0;   // pid
  bool operator==(const DatagramId&) const = default;
};

struct Operation {
  channel::LogOpenBody pipe;
  Place place = Place::Nowhere;
  std::uint32_t ended = 0;   // an unfinished line at its end is the last
  std::uint64_t bytes = 0;   // to be taken
  std::uint64_t offset = 0;  // where `current` ended before
  std::uint64_t inode = 0;   // of `current`
  DatagramId datagram{};     // whose line it is; none: bytes of a pipe
};

class OperationRecord {
 public:
  // Maps the memfd, whose first page must be there.
  [[nodiscard]] static Result<OperationRecord> open(UniqueFd memfd);
  OperationRecord(OperationRecord&& other) noexcept : page_(std::exchange(other.page_, nullptr)) {}
  OperationRecord& operator=(OperationRecord&&) = delete;
  ~OperationRecord();

  [[nodiscard]] bool active() const { return page_->active.load(std::memory_order_acquire) != 0; }
  [[nodiscard]] const Operation& operation() const { return page_->operation; }
  void begin(const Operation& operation);
  // The bytes go to another place than was thought at first.
  void move(Place place, std::uint64_t offset, std::uint64_t inode);
  void end() { page_->active.store(0, std::memory_order_release); }

 private:
  struct Page {
    std::atomic<std::uint32_t> active;
    Operation operation;
  };
  explicit OperationRecord(Page* page) : page_(page) {}

  Page* page_;
};

}  // namespace init::logger
