#include "libinit/base/file_identity.h"

#include <sys/stat.h>

namespace init {

std::uint64_t file_identity(const char* path) {
  struct stat status {};
  if (lstat(path, &status) != 0) return 0;
  return std::uint64_t{status.st_dev} << 40U ^ std::uint64_t{status.st_ino};
}

}  // namespace init
