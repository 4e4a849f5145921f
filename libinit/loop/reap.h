// waitid(2) that never blocks. Private to this room.
#pragma once
#include <sys/wait.h>

#include <optional>

#include "libinit/base/result.h"
#include "libinit/loop/reaper.h"

namespace init::loop {

// The next ended process of those that type and id name, which is gone then; nothing while all of them live.
// Errors: ECHILD when there is no such child; EINVAL, EBADF. Interruptions are no errors.
[[nodiscard]] Result<std::optional<Reaped>> reap(idtype_t type, id_t id);

}  // namespace init::loop
