// Looks into services' pipes, and takes out of them without ever holding bytes that only this process knows.
#pragma once
#include <memory>
#include <string_view>

#include "daemon/logger/operation.h"

namespace init::logger {

inline constexpr std::size_t kLookBytes = 64 * 1024;

struct Look {
  std::string_view bytes;  // from the pipe's beginning, at most kLookBytes; good until the next look
  bool ended = false;      // empty, and nobody can write to it any more
  bool failed = false;     // the kernel could not show them now
};

class Pump {
 public:
  // staging: both ends of the pipe that outlives this process.
  [[nodiscard]] static Result<Pump> create(OperationRecord record, UniqueFd staging_read,
                                           UniqueFd staging_write);

  // Leaves the bytes where they are.
  [[nodiscard]] Look look(int pipe);
  // From here on the work is written down, and the bytes are in the staging pipe.
  void take(int pipe, const Operation& operation);
  // The same with the line of a datagram, which is in no pipe yet; then the datagram may be consumed.
  void put(std::string_view line, const Operation& operation);
  void move(Place place, std::uint64_t offset, std::uint64_t inode) { record_.move(place, offset, inode); }
  // The bytes are stored.
  void finish();

  // What the logger before has left undone: empty when nothing.
  [[nodiscard]] const Operation* unfinished() const {
    return record_.active() ? &record_.operation() : nullptr;
  }
  // Its bytes; good until the next look.
  [[nodiscard]] std::string_view taken();

 private:
  Pump(OperationRecord record, UniqueFd staging_read, UniqueFd staging_write);
  [[nodiscard]] Result<> open();
  [[nodiscard]] std::string_view read_scratch(std::size_t bytes);
  void drain();

  OperationRecord record_;
  UniqueFd staging_read_, staging_write_;
  UniqueFd scratch_read_, scratch_write_;
  UniqueFd null_;
  std::unique_ptr<char[]> buffer_;
};

}  // namespace init::logger
