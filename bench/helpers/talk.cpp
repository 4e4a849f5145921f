// talk LINES: writes so many lines of 100 bytes to stdout as fast as they are taken, then one that says so.
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

constexpr std::string_view kLast = "talk has ended\n";
constexpr std::size_t kLinesAtOnce = 640;

void say(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t wrote = write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (wrote <= 0) _exit(1);
    bytes.remove_prefix(static_cast<std::size_t>(wrote));
  }
}

}  // namespace

int main(int argc, char** argv) {
  unsigned long left = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 0;
  const std::string line = std::string(99, 'x') + "\n";
  std::string lines;
  for (std::size_t i = 0; i < kLinesAtOnce; ++i) lines += line;
  while (left > 0) {
    const unsigned long now = std::min<unsigned long>(left, kLinesAtOnce);
    say(std::string_view(lines).substr(0, now * line.size()));
    left -= now;
  }
  say(kLast);
}
