// What an EventLoop waits with. Descriptors go in, what is ready comes out; timers, tasks and order are the
// loop's own, so that another scheduler has three functions to serve.
#pragma once
#include <cstdint>
#include <span>

#include "libinit/base/result.h"
#include "libinit/base/time.h"
#include "libinit/process/poller.h"

namespace init::loop {

class Backend {
 public:
  virtual ~Backend() = default;

  // Watches fd, level-triggered, for events of epoll(7). Lower token kinds are more urgent. Errors: EEXIST
  // for a second watch of one fd, EPERM for what is always ready (a regular file), and those of epoll_ctl(2).
  [[nodiscard]] virtual Result<> add(int fd, std::uint32_t events, process::Token token) = 0;
  // Before the fd is closed.
  virtual void remove(int fd) noexcept = 0;
  // Waits until something is ready or the deadline has passed. At least one of what is most urgent; nothing
  // is an answer as well. Valid until the next call.
  [[nodiscard]] virtual Result<std::span<const process::Ready>> wait(MonotonicTime deadline) = 0;
  // Whether it wakes somebody else than this loop, so that waiting is no mistake even when nothing is
  // watched.
  [[nodiscard]] virtual bool serves_others() const noexcept { return false; }
};

class EpollBackend final : public Backend {
 public:
  EpollBackend() noexcept : error_(poller_.open()) {}

  [[nodiscard]] Result<> add(int fd, std::uint32_t events, process::Token token) override;
  void remove(int fd) noexcept override { poller_.remove(fd); }
  [[nodiscard]] Result<std::span<const process::Ready>> wait(MonotonicTime deadline) override;

 private:
  process::Poller poller_;
  int error_;  // of opening it: what is asked first says so
};

}  // namespace init::loop
