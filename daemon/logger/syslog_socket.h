// The socket /dev/log. A datagram is looked at first, and taken away when what it says is in the staging pipe
// (daemon/logger/pump.h); the kernel's time of its sending tells which of two it is that a logger that died
// had in hand.
#pragma once
#include <memory>
#include <optional>
#include <string_view>

#include "daemon/channel/messages.h"
#include "daemon/logger/operation.h"
#include "daemon/logger/sender.h"
#include "libinit/base/unique_fd.h"

namespace init::logger {

inline constexpr std::size_t kLongestDatagram = 8 * 1024;

struct Datagram {
  std::string_view text;  // good until the next look
  bool cut = false;       // it was longer
  DatagramId id;
  UniqueFd pidfd;  // of the sender, where the kernel gives it
};

class SyslogSocket {
 public:
  // fd: with SO_PASSCRED, SO_PASSPIDFD and SO_TIMESTAMPNS.
  SyslogSocket(UniqueFd fd, const channel::LogSyslogBody& body, Senders senders);

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] const channel::LogSyslogBody& body() const { return body_; }
  [[nodiscard]] const Senders& senders() const { return senders_; }
  // Nothing: there is none now.
  [[nodiscard]] std::optional<Datagram> look();
  // Takes away what look() has shown.
  void consume() const;

 private:
  UniqueFd fd_;
  channel::LogSyslogBody body_;
  Senders senders_;
  std::unique_ptr<char[]> buffer_;
};

}  // namespace init::logger
