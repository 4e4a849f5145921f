// The bottom of every loop: epoll, level-triggered, in priority order. No heap, no timers of its own, no
// callbacks kept by address: what is ready comes back as a token, so a source that is gone cannot be called.
#pragma once
#include <array>
#include <cstdint>
#include <span>

#include "libinit/base/result.h"
#include "libinit/base/time.h"
#include "libinit/base/unique_fd.h"

namespace init::process {

// kind is the priority as well: lower kinds of one turn come first. index is the owner's business (slot,
// client number).
struct Token {
  std::uint32_t kind = 0;
  std::uint32_t index = 0;
};

struct Ready {
  Token token;
  std::uint32_t events = 0;  // EPOLLIN and so on
};

class Poller {
 public:
  static constexpr std::size_t kBatch = 256;

  Poller() noexcept = default;
  // 0 or an errno. PID 1 uses these three without Result, since an Error may allocate.
  [[nodiscard]] int open() noexcept;
  [[nodiscard]] int add(int fd, std::uint32_t events, Token token) noexcept;
  [[nodiscard]] int change(int fd, std::uint32_t events, Token token) noexcept;
  void remove(int fd) noexcept;  // before the fd is closed; unknown fds are ignored

  // Waits until something is ready or the deadline has passed (never() = no limit), and returns what is
  // ready, sorted by kind, in order of arrival within one kind. EINTR is an empty turn. Valid until the next
  // call.
  [[nodiscard]] std::span<const Ready> wait(MonotonicTime deadline) noexcept;

 private:
  UniqueFd epoll_;
  std::array<Ready, kBatch> ready_{};
};

}  // namespace init::process
