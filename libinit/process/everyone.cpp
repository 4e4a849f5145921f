#include "libinit/process/everyone.h"

#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <string_view>

#include "libinit/base/unique_fd.h"

namespace init::process {
namespace {

constexpr int kDeepest = 32;

bool signal_below(pid_t parent, int signal, int depth) noexcept {
  std::array<char, 64> path;
  snprintf(path.data(), path.size(), "/proc/%d/task/%d/children", parent, parent);
  const UniqueFd list(open(path.data(), O_RDONLY | O_CLOEXEC));
  std::array<char, 512> text;
  pid_t pid = 0;
  for (ssize_t got = 0; (got = read(list.get(), text.data(), text.size())) > 0;) {
    for (const char c : std::string_view(text.data(), static_cast<std::size_t>(got))) {
      if (c != ' ') {
        pid = pid * 10 + (c - '0');
        continue;
      }
      if (depth < kDeepest) signal_below(pid, signal, depth + 1);
      kill(pid, signal);
      pid = 0;
    }
  }
  return list.valid();
}

}  // namespace

bool signal_everyone(int signal) noexcept {
  return getpid() == 1 ? kill(-1, signal) == 0 : signal_below(getpid(), signal, 0);
}

}  // namespace init::process
