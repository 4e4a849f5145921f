#include "daemon/manager/os/syslog_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <string>

#include "daemon/manager/os/file.h"
#include "libinit/base/file_identity.h"

namespace init::manager {
namespace {

constexpr const char* kOwnPath = "/dev/.log-initd";
constexpr int kPassPidfd = 76;  // SO_PASSPIDFD

sockaddr_un address_of(std::string_view path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return address;
}

const sockaddr* generic(const sockaddr_un& address) {
  return static_cast<const sockaddr*>(static_cast<const void*>(&address));
}

}  // namespace

bool shares_dev() {
  const auto mounts = read_file(AT_FDCWD, "/proc/self/mountinfo", 1 << 20);
  struct stat status {};
  if (!mounts || stat("/dev", &status) != 0) return true;
  const std::string number =
      std::to_string(major(status.st_dev)) + ":" + std::to_string(minor(status.st_dev));
  for (std::size_t at = 0, end = 0; at < mounts->size(); at = end + 1) {
    end = std::min(mounts->find('\n', at), mounts->size());
    const std::string_view line = std::string_view(*mounts).substr(at, end - at);
    if (line.find(" - devtmpfs ") != line.npos && line.find(" " + number + " ") != line.npos) return true;
  }
  return false;
}

bool is_syslog_taken() {
  struct stat status {};
  if (lstat(kSyslogPath, &status) != 0) return false;
  if (!S_ISSOCK(status.st_mode) && !S_ISLNK(status.st_mode)) return true;
  const UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto address = address_of(kSyslogPath);
  if (connect(fd.get(), generic(address), sizeof address) == 0) return true;
  return errno != ECONNREFUSED && errno != ENOENT;
}

Result<SyslogSocket> make_syslog_socket() {
  UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return failure(errno, "socket", kSyslogPath);
  constexpr int on = 1;
  for (const int option : {SO_PASSCRED, SO_TIMESTAMPNS}) {
    if (setsockopt(fd.get(), SOL_SOCKET, option, &on, sizeof on) != 0)
      return failure(errno, "setsockopt", kSyslogPath);
  }
  (void)setsockopt(fd.get(), SOL_SOCKET, kPassPidfd, &on, sizeof on);
  const auto address = address_of(kOwnPath);
  (void)unlink(kOwnPath);
  if (bind(fd.get(), generic(address), sizeof address) != 0) return failure(errno, "bind", kOwnPath);
  if (chmod(kOwnPath, 0666) != 0) return failure(errno, "chmod", kOwnPath);
  return SyslogSocket{std::move(fd), file_identity(kOwnPath)};
}

Result<> place_syslog_socket() {
  int error = renameat2(AT_FDCWD, kOwnPath, AT_FDCWD, kSyslogPath, RENAME_NOREPLACE) == 0 ? 0 : errno;
  if (error == EEXIST && !is_syslog_taken()) error = rename(kOwnPath, kSyslogPath) == 0 ? 0 : errno;
  if (error == 0) return {};
  (void)unlink(kOwnPath);
  return failure(error, "rename", kSyslogPath);
}

void retire_syslog_socket(int fd, std::uint64_t identity) {
  if (file_identity(kSyslogPath) == identity) (void)unlink(kSyslogPath);
  (void)shutdown(fd, SHUT_RD);
}

}  // namespace init::manager
