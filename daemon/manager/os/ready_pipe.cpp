#include "daemon/manager/os/ready_pipe.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace init::manager {

Result<ReadyPipe> ReadyPipe::create() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return failure(errno, "pipe2", "ready-fd");
  ReadyPipe made{UniqueFd(ends[0]), UniqueFd(ends[1])};
  if (fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) return failure(errno, "fcntl", "ready-fd");
  return made;
}

Heard listen_for_line(int read_end) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return Heard::Nothing;
  const UniqueFd copy(ends[0]), into(ends[1]);
  std::array<char, 4096> bytes;
  const ssize_t seen = tee(read_end, into.get(), bytes.size(), SPLICE_F_NONBLOCK);
  if (seen == 0) return Heard::Closed;
  if (seen < 0) return Heard::Nothing;
  const ssize_t got = read(copy.get(), bytes.data(), static_cast<std::size_t>(seen));
  if (got <= 0) return Heard::Nothing;
  if (std::memchr(bytes.data(), '\n', static_cast<std::size_t>(got)) != nullptr) return Heard::Line;
  (void)!read(read_end, bytes.data(), static_cast<std::size_t>(got));
  return Heard::Nothing;
}

}  // namespace init::manager
