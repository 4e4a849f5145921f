// The manager's read-only view of the facts (daemon/channel/facts.h) and its place in the change ring.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "daemon/channel/facts.h"
#include "libinit/base/result.h"

namespace init::manager {

class FactsView {
 public:
  // fd is borrowed. EBADMSG when the layout is not of this version.
  static Result<FactsView> open(int fd);
  FactsView(FactsView&& other) noexcept
      : base_(std::exchange(other.base_, nullptr)), cursor_(other.cursor_) {}
  FactsView& operator=(FactsView&&) = delete;
  ~FactsView();

  [[nodiscard]] const channel::FactsHeader& header() const {
    return *static_cast<const channel::FactsHeader*>(base_);
  }
  // A copy whose sum is right. Empty only when the slot is damaged: PID 1 may be writing it now, so a few
  // tries are made.
  [[nodiscard]] std::optional<channel::Slot> slot(std::uint32_t index) const;
  [[nodiscard]] std::uint32_t slots_used() const;

  struct Changes {
    std::vector<std::uint32_t> slots;  // each once, in the order of their last change
    bool signals = false;
    bool orphans = false;
  };
  // What changed since the last call. When more changed than the ring holds, every slot ever used.
  [[nodiscard]] Changes take_changes();
  // Everything up to now counts as seen: used before a full sweep at recovery.
  void skip_to_now();

 private:
  explicit FactsView(const void* base) noexcept : base_(base) {}
  template <class T>
  [[nodiscard]] const T* at(std::size_t offset) const;

  const void* base_ = nullptr;
  std::uint64_t cursor_ = 0;
};

}  // namespace init::manager
