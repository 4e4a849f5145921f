#include "libinit/base/text_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "libinit/base/unique_fd.h"

namespace init {

Result<std::string> read_text_file(const std::string& path, std::size_t most) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) return failure(errno, "open", path);
  struct stat info {};
  if (fstat(fd.get(), &info) != 0) return failure(errno, "stat", path);
  if (!S_ISREG(info.st_mode)) return failure(EINVAL, "read", path + ", which is not a regular file");
  std::string text;
  char buffer[4096];
  for (;;) {
    const ssize_t got = read(fd.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failure(errno, "read", path);
    if (got == 0) return text;
    text.append(buffer, static_cast<std::size_t>(got));
    if (text.size() > most) return failure(EFBIG, "read", path);
  }
}

}  // namespace init
