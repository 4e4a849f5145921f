// [directories] of a unit: made before its first process, without a race and without following anybody's
// link.
#pragma once
#include <sys/types.h>

#include <string>

#include "libinit/base/result.h"
#include "libinit/unit/config.h"

namespace init::manager {

// /run, /var/lib, /var/cache, /var/log, /etc
[[nodiscard]] const char* directory_base(unit::DirectoryKind kind);

// Makes the directory (and what is missing above it, root's) and gives the last component to uid:gid with its
// mode. One that exists is given away only when root made it so or it is the service's already; EPERM
// otherwise. Never recursive.
Result<> make_unit_directory(const unit::Directory& directory, uid_t uid, gid_t gid);

// Takes away a runtime directory that the unit has no process in any more, with all that is below it: the
// last component alone, as it was made; no link is followed, no mount is entered. Nothing there is success.
// Errors: EBUSY for a mount point below it, EOVERFLOW for more than 65,536 entries or a depth above 64; what
// has been removed by then is gone.
Result<> remove_unit_directory(const unit::Directory& directory);

// What stands under this name in dir, with all below it, on the same terms. 0 or an errno.
[[nodiscard]] int remove_tree(int dir, const std::string& name);

}  // namespace init::manager
