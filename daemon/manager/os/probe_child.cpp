#include "daemon/manager/os/probe_child.h"

#include <fcntl.h>

#include <cerrno>

#include "daemon/manager/os/socket_probe.h"
#include "libinit/base/unique_fd.h"
#include "libinit/sys/calls.h"

namespace init::manager {

int probe_path(std::string_view kind, const std::string& path, const std::string& root) {
  const UniqueFd top(open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!top) return errno;
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT;
  const long opened = sys::openat2(top.get(), path.c_str(), how);
  if (opened < 0) return static_cast<int>(-opened);
  const UniqueFd found(static_cast<int>(opened));
  if (kind == "path") return 0;
  UniqueFd socket;
  return connect_to_socket(found.get(), socket);
}

}  // namespace init::manager
