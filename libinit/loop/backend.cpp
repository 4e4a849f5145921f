#include "libinit/loop/backend.h"

namespace init::loop {

Result<> EpollBackend::add(int fd, std::uint32_t events, process::Token token) {
  const int error = error_ != 0 ? error_ : poller_.add(fd, events, token);
  if (error != 0) return failure(error, "watch", "fd " + std::to_string(fd));
  return {};
}

Result<std::span<const process::Ready>> EpollBackend::wait(MonotonicTime deadline) {
  if (error_ != 0) return failure(error_, "open an epoll");
  return poller_.wait(deadline);
}

}  // namespace init::loop
