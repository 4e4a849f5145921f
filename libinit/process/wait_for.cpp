#include "libinit/process/wait_for.h"

#include <algorithm>
#include <cerrno>

#include "libinit/sys/calls.h"

namespace init::process {

int wait_for(std::span<pollfd> fds, MonotonicTime deadline) {
  for (;;) {
    timespec left{};
    const bool is_limited = deadline != MonotonicTime::never();
    if (is_limited) {
      const auto nanoseconds = std::max(deadline - monotonic_now(), Duration::zero()).count();
      left = {nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000};
    }
    const long ready = sys::ppoll(fds.data(), fds.size(), is_limited ? &left : nullptr);
    if (ready > 0) return 0;
    if (ready == 0) return ETIMEDOUT;
    if (ready != -EINTR) return sys::error_of(ready);
  }
}

int wait_for(int fd, MonotonicTime deadline) {
  pollfd one{fd, POLLIN, 0};
  return wait_for({&one, 1}, deadline);
}

}  // namespace init::process
