// Waiting for descriptors under a deadline. Private to this room.
#pragma once
#include <poll.h>

#include <span>

#include "libinit/base/time.h"

namespace init::process {

// 0 when one of them is ready (its revents says which), ETIMEDOUT when the deadline has passed, or the errno
// of poll(2). Interruptions are waited over.
[[nodiscard]] int wait_for(std::span<pollfd> fds, MonotonicTime deadline);
[[nodiscard]] int wait_for(int fd, MonotonicTime deadline);

}  // namespace init::process
