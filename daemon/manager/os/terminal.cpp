#include "daemon/manager/os/terminal.h"

#include <fcntl.h>
#include <linux/kd.h>
#include <linux/vt.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string_view>

#include "libinit/base/names.h"
#include "libinit/base/unique_fd.h"

namespace init::manager {
namespace {

constexpr std::uint64_t kMostConsoles = 63;  // MAX_NR_CONSOLES of Linux

Result<UniqueFd> open_terminal(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return failure(errno, "open", path);
  if (isatty(fd.get()) == 0) return failure(ENOTTY, "open", path);
  return fd;
}

// As tty_ioctl(4) and termios(3) have it for a terminal that somebody sits at; the speed stays.
Result<> reset(int fd, const std::string& path) {
  termios modes{};
  if (tcgetattr(fd, &modes) != 0) return failure(errno, "reset", path);
  constexpr tcflag_t kSpeed = CBAUD | CBAUDEX | CSTOPB | CRTSCTS;
  modes.c_iflag = BRKINT | ICRNL | IMAXBEL | IUTF8;
  modes.c_oflag = OPOST | ONLCR;
  modes.c_cflag = (modes.c_cflag & kSpeed) | CS8 | CREAD | HUPCL | CLOCAL;
  modes.c_lflag = ISIG | ICANON | IEXTEN | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE;
  constexpr std::string_view kControl("\003\034\177\025\004\0\001\0\021\023\032\0\022\017\027\026\0", 17);
  for (std::size_t at = 0; at < kControl.size() && at < NCCS; ++at)
    modes.c_cc[at] = static_cast<cc_t>(kControl[at]);
  (void)ioctl(fd, TIOCNXCL);            // exclusive mode of an earlier owner
  (void)ioctl(fd, KDSETMODE, KD_TEXT);  // of a virtual console only
  return tcsetattr(fd, TCSANOW, &modes) == 0 ? Result<>() : failure(errno, "reset", path);
}

std::optional<int> console_number(std::string_view path) {
  constexpr std::string_view kPrefix = "/dev/tty";
  if (!path.starts_with(kPrefix)) return std::nullopt;
  const auto number = parse_decimal(path.substr(kPrefix.size()), kMostConsoles);
  return number && *number > 0 ? std::optional(static_cast<int>(*number)) : std::nullopt;
}

// One that is shown or open cannot be given back (EBUSY): it is cleared, with what can be scrolled back to.
Result<> disallocate(const std::string& path) {
  constexpr std::string_view kClear = "\033[r\033[H\033[3J";
  const auto number = console_number(path);
  if (!number) return {};
  const UniqueFd any(open("/dev/tty0", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
  if (any && ioctl(any.get(), VT_DISALLOCATE, *number) == 0) return {};
  const auto fd = open_terminal(path);
  if (!fd) return Failure(fd.error());
  (void)!write(fd->get(), kClear.data(), kClear.size());
  return {};
}

}  // namespace

Result<> prepare_terminal(const unit::Terminal& tty) {
  if (tty.hangup) {
    const auto fd = open_terminal(tty.path);
    if (!fd) return Failure(fd.error());
    if (ioctl(fd->get(), TIOCVHANGUP) != 0) return failure(errno, "hangup", tty.path);
  }
  if (tty.disallocate) {
    if (auto done = disallocate(tty.path); !done) return done;
  }
  if (!tty.reset) return {};
  const auto fd = open_terminal(tty.path);
  return fd ? reset(fd->get(), tty.path) : Failure(fd.error());
}

}  // namespace init::manager
