// The flight recorder: the last 8,192 events, actions, signals and requests, in a memfd that PID 1 keeps.
// Only the page that is being written is held in memory of the manager's own.
#pragma once
#include <vector>

#include "libinit/base/result.h"
#include "libinit/base/unique_fd.h"
#include "libinit/core/history.h"

namespace init::manager {

class Recorder {
 public:
  static constexpr std::size_t kEntries = 8192;

  // fd() is to be stored with PID 1.
  static Result<Recorder> create();
  // Of an earlier manager. Refused (EBADMSG) when its entries are of another size.
  static Result<Recorder> open(UniqueFd fd);
  Recorder(Recorder&& other) noexcept;
  Recorder& operator=(Recorder&&) = delete;
  ~Recorder();

  [[nodiscard]] int fd() const { return fd_.get(); }

  void add(core::Entry entry);
  // Oldest first.
  [[nodiscard]] std::vector<core::Entry> entries() const;

 private:
  struct Header;
  Recorder(UniqueFd fd, void* base) : fd_(std::move(fd)), base_(base) {}
  static Result<Recorder> map(UniqueFd fd);
  [[nodiscard]] Header& header() const;
  [[nodiscard]] core::Entry* ring() const;

  UniqueFd fd_;
  void* base_ = nullptr;
};

}  // namespace init::manager
