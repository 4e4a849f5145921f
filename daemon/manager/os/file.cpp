#include "daemon/manager/os/file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "libinit/base/unique_fd.h"

namespace init::manager {

Result<std::string> read_file(int dir, const std::string& path, std::size_t limit) {
  const UniqueFd fd(openat(dir, path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd) return failure(errno, "open", path);
  std::string text;
  char chunk[4096];
  while (text.size() < limit) {
    const ssize_t got = read(fd.get(), chunk, std::min(sizeof chunk, limit - text.size()));
    if (got == 0) break;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failure(errno, "read", path);
    text.append(chunk, static_cast<std::size_t>(got));
    if (static_cast<std::size_t>(got) < sizeof chunk && text.size() < sizeof chunk)
      break;  // small files of /proc and /sys
  }
  return text;
}

Result<> write_file(int dir, const std::string& path, std::string_view text) {
  const UniqueFd fd(openat(dir, path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW));
  if (!fd) return failure(errno, "open", path);
  while (write(fd.get(), text.data(), text.size()) < 0) {
    if (errno != EINTR) return failure(errno, "write", path);
  }
  return {};
}

std::string read_tail(const std::string& path, std::size_t limit) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW));
  struct stat status {};
  if (!fd || fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  const auto size = static_cast<std::size_t>(status.st_size);
  const std::size_t from = size > limit ? size - limit : 0;
  std::string text(size - from, '\0');
  const ssize_t got = pread(fd.get(), text.data(), text.size(), static_cast<off_t>(from));
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text;
}

}  // namespace init::manager
