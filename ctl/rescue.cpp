#include "ctl/rescue.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "libinit/base/unique_fd.h"

namespace init::ctl {
namespace {

Result<UniqueFd> connect_to(const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (path.size() >= sizeof(name.sun_path)) return failure(ENAMETOOLONG, "connect", path);
  path.copy(name.sun_path, path.size());
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd || connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) != 0)
    return failure(errno, "connect", path);
  return fd;
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  for (std::size_t end = 0; (end = text.find('\n')) != std::string_view::npos; text.remove_prefix(end + 1))
    lines.emplace_back(text.substr(0, end));
  return lines;
}

}  // namespace

Result<std::vector<std::string>> ask_pid1(const std::string& runtime, std::string_view words,
                                          Duration patience) {
  const std::string path = runtime + "/pid1";
  auto fd = connect_to(path);
  if (!fd) return Failure(fd.error());
  const std::string line = std::string(words) + "\n";
  if (send(fd->get(), line.data(), line.size(), MSG_NOSIGNAL) < 0) return failure(errno, "send", path);
  std::string text;
  std::array<char, 4096> piece;
  const MonotonicTime deadline = monotonic_now() + patience;
  for (;;) {
    const auto left = std::max<std::int64_t>((deadline - monotonic_now()) / std::chrono::milliseconds(1), 0);
    pollfd waiting{fd->get(), POLLIN, 0};
    if (poll(&waiting, 1, static_cast<int>(left)) == 0) return failure(ETIMEDOUT, "wait for PID 1", path);
    const ssize_t got = recv(fd->get(), piece.data(), piece.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (got <= 0) return lines_of(text);
    text.append(piece.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace init::ctl
