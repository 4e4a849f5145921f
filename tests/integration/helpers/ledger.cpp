// A service that keeps its own books, so that a test can hold them against what the manager says.
//   ledger FILE hold [FD]        writes "start PID 0", says on FD that it is ready, waits for SIGTERM, writes
//   "exit PID 0"
//   ledger FILE crash MS STOP    writes "start PID 0", lives up to MS milliseconds, writes "exit PID CODE"
//   and ends with
//                                that code: 1 + (number of earlier exits in FILE) % 250; 0 as soon as the
//                                file STOP exists
// Lines are appended by one write(2) each. Static and without a heap: 100 of them start in no time.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

void write_line(int fd, const char* word, int value) {
  std::array<char, 64> line{};
  const int length =
      std::snprintf(line.data(), line.size(), "%s %d %d\n", word, static_cast<int>(getpid()), value);
  if (length < 0 || write(fd, line.data(), static_cast<std::size_t>(length)) != length) std::_Exit(255);
}

int count_exits(int fd) {
  std::array<char, 4096> block{};
  off_t offset = 0;
  int exits = 0;
  while (const ssize_t got = pread(fd, block.data(), block.size(), offset)) {
    if (got < 0) std::_Exit(255);
    for (ssize_t i = 0; i < got; ++i) exits += block[static_cast<std::size_t>(i)] == 'e';  // only in "exit"
    offset += got;
  }
  return exits;
}

int hold(int fd, int ready) {
  sigset_t terminate;
  sigemptyset(&terminate);
  sigaddset(&terminate, SIGTERM);
  sigprocmask(SIG_BLOCK, &terminate, nullptr);
  write_line(fd, "start", 0);
  if (ready >= 0 && write(ready, "\n", 1) != 1) return 255;
  int signal = 0;
  sigwait(&terminate, &signal);
  write_line(fd, "exit", 0);
  return 0;
}

int crash(int fd, int most_ms, const char* stop) {
  write_line(fd, "start", 0);
  struct stat ignored {};
  const bool last = stat(stop, &ignored) == 0;
  // The pid is random enough to spread the ends.
  if (!last) poll(nullptr, 0, (static_cast<int>(getpid()) * 7919) % (most_ms + 1));
  const int code = last ? 0 : 1 + count_exits(fd) % 250;
  write_line(fd, "exit", code);
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 254;
  const int fd = open(argv[1], O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (fd < 0) return 255;
  if (std::strcmp(argv[2], "hold") == 0) return hold(fd, argc > 3 ? std::atoi(argv[3]) : -1);
  if (argc == 5 && std::strcmp(argv[2], "crash") == 0) return crash(fd, std::atoi(argv[3]), argv[4]);
  return 254;
}
