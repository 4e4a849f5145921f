#include "daemon/manager/control/peer.h"

#include <sys/socket.h>

#include <cerrno>

namespace init::control {
namespace {

Result<std::vector<gid_t>> read_groups(int fd) {
  std::vector<gid_t> groups(32);
  for (;;) {
    auto size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    const bool complete = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) == 0;
    if (!complete && errno != ERANGE) return failure(errno, "getsockopt", "SO_PEERGROUPS");
    groups.resize(size / sizeof(gid_t));  // with ERANGE the kernel says how much it needs
    if (complete) return groups;
  }
}

}  // namespace

Result<Peer> read_peer(int fd) {
  ucred credentials{};
  socklen_t size = sizeof(credentials);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return failure(errno, "getsockopt", "SO_PEERCRED");
  }
  if (credentials.uid == static_cast<uid_t>(-1)) return failure(EPERM, "getsockopt", "SO_PEERCRED");
  Result<std::vector<gid_t>> groups = read_groups(fd);
  if (!groups) return Failure(groups.error());
  return Peer{credentials.uid, credentials.gid, credentials.pid, std::move(*groups)};
}

}  // namespace init::control
