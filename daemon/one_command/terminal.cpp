#include "daemon/one_command/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <csignal>
#include <ctime>

#include "libinit/sys/calls.h"

namespace init::one_command {

void Terminal::look() noexcept {
  const pid_t own = getpgrp();
  fd_ = -1;
  for (int fd = 0; fd <= 2 && fd_ < 0; ++fd) {
    if (tcgetpgrp(fd) == own) fd_ = fd;
  }
}

void Terminal::give_to(pid_t group) const noexcept {
  if (fd_ >= 0) sys::ioctl(fd_, TIOCSPGRP, &group);
}

void Terminal::take_back() const noexcept {
  give_to(getpgrp());
}

bool Terminal::leave() noexcept {
  if (fd_ != STDIN_FILENO || getsid(0) != getpid() || ioctl(fd_, TIOCNOTTY) != 0) return false;
  fd_ = -1;
  // The kernel tells the group of a session's leader that its terminal is gone. That is no news to pass on.
  constexpr sys::SignalSet told = sys::signal_bit(SIGHUP) | sys::signal_bit(SIGCONT);
  while (sys::rt_sigtimedwait(told, timespec{}) > 0) continue;
  return true;
}

}  // namespace init::one_command
