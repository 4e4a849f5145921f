// What a service says of itself: the datagrams of sd_notify(3). Pure: bytes in, words out; what a service may
// say and who speaks for it is decided elsewhere.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "libinit/base/time.h"

namespace init::notify {

inline constexpr std::size_t kMaxDatagram = 4096;  // bytes; a longer one is nobody's words
inline constexpr std::size_t kMaxStatus = 256;     // bytes that are kept of a STATUS=
inline constexpr std::size_t kMaxBusName = 255;    // as the D-Bus specification has it
inline constexpr std::size_t kMaxFdName = 255;

// READY=1, RELOADING=1 and STOPPING=1 exclude each other; of several the last counts.
enum class Phase : std::uint8_t { None, Ready, Reloading, Stopping };
enum class Watchdog : std::uint8_t { None, Alive, Trigger };

// Of a variable that stands twice the last counts. One whose value makes no sense is left out, the rest of
// the datagram counts.
struct Message {
  Phase phase = Phase::None;
  Watchdog watchdog = Watchdog::None;
  bool store = false;                    // FDSTORE=1: the descriptors that came along are to be kept
  bool remove = false;                   // FDSTOREREMOVE=1: those kept as fd_name are to go
  bool poll = true;                      // FDPOLL=0: keep them even when they hang up
  bool barrier = false;                  // BARRIER=1: the descriptor that came along is to be closed, now
  std::string fd_name;                   // FDNAME=
  std::optional<std::string> status;     // printable, at most kMaxStatus bytes; empty = says nothing any more
  std::optional<std::string> bus_error;  // BUSERROR=
  std::optional<std::int32_t> error;     // ERRNO=
  std::optional<std::int32_t> main_pid;  // MAINPID=, > 1
  std::optional<Duration> watchdog_interval;  // WATCHDOG_USEC=; 0 = none any more
  std::optional<Duration> extend_timeout;     // EXTEND_TIMEOUT_USEC=
  std::optional<MonotonicTime> reload_began;  // MONOTONIC_USEC=
  // X_INITD_BUS_OWNER=NAME PID, a word of initd-bus alone: this process owns that name; pid 0 = nobody does.
  struct BusOwner {
    std::string name;
    std::int32_t pid = 0;
    bool operator==(const BusOwner&) const = default;
  };
  std::optional<BusOwner> bus_owner;
  bool operator==(const Message&) const = default;
};

// Nothing when the datagram is none of this protocol: empty, longer than kMaxDatagram, or with a NUL that
// does not end it. Variables that are not known (MAINPIDFDID, X_...) are left out.
[[nodiscard]] std::optional<Message> parse(std::string_view datagram);

// Fit to be shown: at most `most` bytes, cut between characters; what is no UTF-8 or would move a terminal's
// cursor is a '?'.
[[nodiscard]] std::string printable(std::string_view text, std::size_t most);

// May a kept descriptor have this name? 1 to 255 characters of ASCII, none of them a control or a ':', which
// separates them in LISTEN_FDNAMES.
[[nodiscard]] bool is_fd_name(std::string_view name) noexcept;

}  // namespace init::notify
