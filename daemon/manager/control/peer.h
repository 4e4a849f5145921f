// Who is at the other end of a Unix socket.
#pragma once
#include <sys/types.h>

#include <vector>

#include "libinit/base/result.h"

namespace init::control {

// As the kernel knew it when the connection was made: SO_PEERCRED and SO_PEERGROUPS of unix(7), socket(7).
struct Peer {
  uid_t uid = static_cast<uid_t>(-1);
  gid_t gid = static_cast<gid_t>(-1);
  pid_t pid = 0;  // for showing only: may be another process by now
  std::vector<gid_t> groups;
};

// Errors: those of getsockopt(2). There is no peer without an identity.
[[nodiscard]] Result<Peer> read_peer(int fd);

}  // namespace init::control
