#include "daemon/manager/os/notify_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace init::manager {
namespace {

constexpr int kPassPidfd = 76;        // SO_PASSPIDFD
constexpr int kMessagePidfd = 4;      // SCM_PIDFD
constexpr std::size_t kMaxFds = 253;  // of one message, as the kernel has it
constexpr int kMostQueued = 1024;

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return failure(ENAMETOOLONG, "bind", path);
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

// The kernel's words about a datagram, and the descriptors in it.
void take_control(msghdr& header, Notice& notice) {
  for (cmsghdr* at = CMSG_FIRSTHDR(&header); at != nullptr; at = CMSG_NXTHDR(&header, at)) {
    if (at->cmsg_level != SOL_SOCKET) continue;
    const std::size_t size = at->cmsg_len - CMSG_LEN(0);
    if (at->cmsg_type == SCM_CREDENTIALS) {
      ucred sender{};
      std::memcpy(&sender, CMSG_DATA(at), sizeof sender);
      notice.pid = sender.pid;
      notice.uid = sender.uid;
    } else if (at->cmsg_type == SCM_RIGHTS || at->cmsg_type == kMessagePidfd) {
      for (std::size_t i = 0; i < size / sizeof(int); ++i) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(at) + i * sizeof fd, sizeof fd);
        if (fd < 0) continue;
        if (at->cmsg_type == kMessagePidfd) {
          notice.pidfd.reset(fd);
        } else {
          notice.fds.emplace_back(fd);
        }
      }
    }
  }
}

}  // namespace

bool Notice::sender_ended() const {
  if (!pidfd) return pid <= 0 || ::kill(pid, 0) != 0;
  pollfd look{pidfd.get(), POLLIN, 0};
  return poll(&look, 1, 0) > 0;
}

Result<NotifySocket> NotifySocket::bind(const std::string& path, uid_t owner) {
  const auto address = address_of(path);
  if (!address) return Failure(address.error());
  UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return failure(errno, "socket", path);
  constexpr int on = 1;
  if (setsockopt(fd.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0)
    return failure(errno, "setsockopt", "SO_PASSCRED");
  (void)setsockopt(fd.get(), SOL_SOCKET, kPassPidfd, &on, sizeof on);
  (void)fchmod(fd.get(), 0600);  // until it has its owner
  (void)unlink(path.c_str());
  const auto* name = static_cast<const sockaddr*>(static_cast<const void*>(&*address));
  if (::bind(fd.get(), name, sizeof *address) != 0) return failure(errno, "bind", path);
  if (auto given = give_to(path, owner); !given) return Failure(given.error());
  return NotifySocket(std::move(fd));
}

Result<> NotifySocket::give_to(const std::string& path, uid_t owner) {
  const bool anybody = owner == geteuid() && owner == 0;
  if (fchmodat(AT_FDCWD, path.c_str(), anybody ? 0666 : 0600, 0) != 0) return failure(errno, "chmod", path);
  if (owner != geteuid() &&
      fchownat(AT_FDCWD, path.c_str(), owner, static_cast<gid_t>(-1), AT_SYMLINK_NOFOLLOW) != 0)
    return failure(errno, "chown", path);
  return {};
}

std::optional<Notice> NotifySocket::peek() const {
  std::array<char, notify::kMaxDatagram> text;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMaxFds * sizeof(int)) + CMSG_SPACE(sizeof(ucred)) +
                                        CMSG_SPACE(sizeof(int))>
      control;
  iovec part{text.data(), text.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  ssize_t size = -1;
  do {
    size = recvmsg(fd_.get(), &header, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  if (size < 0) return std::nullopt;
  Notice notice;
  take_control(header, notice);
  const bool whole = (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0;
  if (whole) notice.message = notify::parse({text.data(), static_cast<std::size_t>(size)});
  return notice;
}

void NotifySocket::consume() const {
  (void)recv(fd_.get(), nullptr, 0, MSG_DONTWAIT | MSG_TRUNC);
}

void NotifySocket::discard_all() const {
  for (int n = 0; n < kMostQueued && recv(fd_.get(), nullptr, 0, MSG_DONTWAIT | MSG_TRUNC) >= 0; ++n) {
  }
}

}  // namespace init::manager
