// The socket that one service speaks to (NOTIFY_SOCKET of sd_notify(3)). Its name says which unit it belongs
// to, so nobody's words are taken for another's; who in it may speak is the caller's decision, by the
// kernel's word about the sender. A datagram is looked at first and taken away when what it says is written
// down: a crash in between repeats it and loses none.
#pragma once
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "libinit/base/result.h"
#include "libinit/base/unique_fd.h"
#include "libinit/notify/message.h"

namespace init::manager {

// One datagram.
struct Notice {
  std::optional<notify::Message> message;  // nothing: not of the protocol
  pid_t pid = 0;                           // of the sender; 0 = it lives outside of this PID namespace
  uid_t uid = 0;
  UniqueFd pidfd;             // of the sender, where the kernel gives it (Linux 6.5)
  std::vector<UniqueFd> fds;  // that came along

  // The sender has ended, so that nothing can be found out about it any more, and its pid may be another's.
  [[nodiscard]] bool sender_ended() const;
};

class NotifySocket {
 public:
  // Makes the socket in a directory that only initd may change, over what lies there. Only root and owner may
  // send to it; anybody when the owner is root, for such a service may become another user by itself. Errors:
  // those of socket(2), bind(2) and chown(2).
  static Result<NotifySocket> bind(const std::string& path, uid_t owner);
  // The same for one that an earlier manager made.
  static Result<> give_to(const std::string& path, uid_t owner);
  explicit NotifySocket(UniqueFd fd) noexcept : fd_(std::move(fd)) {}

  [[nodiscard]] int fd() const { return fd_.get(); }
  // The next datagram; it stays. Nothing: there is none. Never blocks.
  [[nodiscard]] std::optional<Notice> peek() const;
  // Takes away the datagram that peek() showed.
  void consume() const;
  // What was said to an earlier run.
  void discard_all() const;

 private:
  UniqueFd fd_;
};

}  // namespace init::manager
