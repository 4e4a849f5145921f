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

}  // namespace init::manager
