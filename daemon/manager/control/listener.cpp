#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "daemon/manager/control/server.h"

namespace init::control {
namespace {

Result<> make_directory(const std::string& path) {
  if (mkdir(path.c_str(), 0755) == 0) {
    // The umask may have taken bits that clients need.
    return chmod(path.c_str(), 0755) == 0 ? Result<>() : failure(errno, "chmod", path);
  }
  return errno == EEXIST ? Result<>() : failure(errno, "mkdir", path);
}

Result<> check_that_only_a_socket_stands_at(const std::string& path) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) return errno == ENOENT ? Result<>() : failure(errno, "lstat", path);
  return S_ISSOCK(info.st_mode) ? Result<>() : failure(EEXIST, "bind", path);
}

Result<UniqueFd> bind_and_listen(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return failure(ENAMETOOLONG, "bind", path);
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return failure(errno, "socket", path);
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return failure(errno, "unlink", path);
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return failure(errno, "bind", path);
  }
  if (chmod(path.c_str(), 0666) != 0) return failure(errno, "chmod", path);
  if (listen(fd.get(), SOMAXCONN) != 0) return failure(errno, "listen", path);
  return fd;
}

}  // namespace

Result<UniqueFd> create_listener(const std::string& path) {
  if (Result<> made = make_directory(path.substr(0, path.rfind('/'))); !made) return Failure(made.error());
  if (Result<> free = check_that_only_a_socket_stands_at(path); !free) return Failure(free.error());
  // Under another name first: whoever finds the socket finds it listening.
  const std::string fresh = path + ".new";
  Result<UniqueFd> fd = bind_and_listen(fresh);
  if (fd && rename(fresh.c_str(), path.c_str()) != 0) return failure(errno, "rename", path);
  return fd;
}

}  // namespace init::control
