// The terminal that initd was started on, if any: its foreground process group is who gets Ctrl-C and Ctrl-Z,
// and who may read. SIGTTOU must be blocked, as it is in initd: then the group may be changed from the
// background.
#pragma once
#include <sys/types.h>

namespace init::one_command {

class Terminal {
 public:
  // Looks whether initd's own process group is in the foreground of a terminal on one of the standard
  // streams.
  void look() noexcept;
  [[nodiscard]] bool in_foreground() const noexcept { return fd_ >= 0; }
  // Nothing where initd was not in the foreground when it looked. Leaves errno alone.
  void give_to(pid_t group) const noexcept;
  void take_back() const noexcept;
  // Gives up stdin as the controlling terminal, so that a session of the command can have it. False: it is
  // not initd's to give up.
  [[nodiscard]] bool leave() noexcept;

 private:
  int fd_ = -1;
};

}  // namespace init::one_command
