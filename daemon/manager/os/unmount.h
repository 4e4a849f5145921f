// The last thing that is done on a machine. PID 1 executes the manager's program once more for it, as
// `initd-manager --unmount`, and gives it a limited time: it may block on a dead disk, PID 1 may not.
#pragma once

namespace init::manager {

// sync(2), swapoff(2), umount2(2) of everything, last mounted first; what stays is remounted read-only, the
// root too.
void unmount_everything();

}  // namespace init::manager
