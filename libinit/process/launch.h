// From a resolved Command to a running child, or to another program in this process's place. Private to this
// room.
#pragma once
#include "libinit/process/resolve.h"

namespace init::process {

[[nodiscard]] Result<Child> launch(const CommandSettings& settings, LaunchMode mode);
[[nodiscard]] Error replace_self(const CommandSettings& settings);

}  // namespace init::process
