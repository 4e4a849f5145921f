#include "daemon/manager/os/unmount.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/swap.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/manager/os/file.h"

namespace init::manager {
namespace {

constexpr std::size_t kLongestTable = 16U << 20U;

// Blanks and the like stand as \040 in these tables.
std::string unescape(std::string_view text) {
  std::string plain;
  for (; !text.empty(); text.remove_prefix(1)) {
    if (text.front() != '\\' || text.size() < 4) {
      plain += text.front();
      continue;
    }
    plain += static_cast<char>((text[1] - '0') * 64 + (text[2] - '0') * 8 + (text[3] - '0'));
    text.remove_prefix(3);
  }
  return plain;
}

// What stands in this column of each line, last line first.
std::vector<std::string> column(const char* table, int number) {
  const std::string text = read_file(AT_FDCWD, table, kLongestTable).value_or("");
  std::vector<std::string> found;
  for (std::string_view rest = text; !rest.empty();) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    for (int skipped = 0; skipped < number; ++skipped)
      line.remove_prefix(std::min(line.size(), line.find(' ') + 1));
    found.push_back(unescape(line.substr(0, line.find_first_of(" \t"))));
  }
  std::reverse(found.begin(), found.end());
  return found;
}

bool is_api(std::string_view path) {
  return path == "/" || path == "/proc" || path == "/sys" || path == "/dev";
}

void make_read_only(const char* path) {
  (void)mount(nullptr, path, nullptr, MS_REMOUNT | MS_RDONLY, nullptr);
}

}  // namespace

void unmount_everything() {
  sync();
  for (const std::string& path : column("/proc/swaps", 0)) {
    if (path.starts_with('/')) (void)swapoff(path.c_str());
  }
  // Twice: what is mounted below a busy one may go in the first round.
  for (int round = 0; round < 2; ++round) {
    for (const std::string& path : column("/proc/self/mounts", 1)) {
      if (!is_api(path) && umount2(path.c_str(), UMOUNT_NOFOLLOW) != 0) make_read_only(path.c_str());
    }
  }
  make_read_only("/");
  sync();
}

}  // namespace init::manager
