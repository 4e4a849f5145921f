// Where lines go beside their log. Each destination has a short queue before it, so that one that is slow,
// full or not there holds up nobody: what finds no room in it is dropped, counted and told.
#pragma once
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "libinit/base/result.h"
#include "libinit/base/time.h"
#include "libinit/base/unique_fd.h"
#include "libinit/log/line.h"

namespace init::logger {

// One row of the table of destinations (forwarder.cpp).
struct Destination {
  std::string_view name;
  // It never blocks. own: file_identity() of the socket that this process reads. Errors: of open(2),
  // connect(2); ENODEV for what is not to be written to.
  Result<UniqueFd> (*open)(std::uint64_t own);
  // Adds the line as this destination has it.
  void (*append)(std::string& out, std::string_view unit, const log::Entry& line, bool colored);
  std::size_t piece;  // bytes that are written at once: 0 = a line
};

// In the order of the bits of channel::Forward.
inline constexpr std::size_t kDestinations = 4;
[[nodiscard]] const Destination& destination(std::size_t index);

class Forwarder {
 public:
  explicit Forwarder(const Destination& to) : to_(&to) {}

  // What is sent there would come back: file_identity() of a socket.
  void avoid(std::uint64_t socket) { own_ = socket; }
  // Somebody else may be there now.
  void look_again() { retry_at_ = {}; }
  // False: whoever is there is not to be written to, as /dev/null.
  [[nodiscard]] bool takes(MonotonicTime now);
  // Only what takes().
  void put(std::string_view unit, const log::Entry& line, MonotonicTime now);
  // Writes what the other side takes now.
  void flush(MonotonicTime now);

  [[nodiscard]] bool waits() const { return !queue_.empty(); }
  [[nodiscard]] int fd() const { return fd_.get(); }  // has no room, while it waits
  // When to try again what could not be opened.
  [[nodiscard]] MonotonicTime retry_at() const {
    return waits() && !fd_ ? retry_at_ : MonotonicTime::never();
  }
  // What an admin should know, empty when all is well.
  [[nodiscard]] std::string trouble() const;

 private:
  [[nodiscard]] bool open(MonotonicTime now);
  [[nodiscard]] bool write_first();
  void note_dropped(MonotonicTime now);

  const Destination* to_;
  UniqueFd fd_;
  bool colored_ = false;
  std::uint64_t own_ = 0;
  std::optional<Error> failed_;
  MonotonicTime retry_at_{};
  std::deque<std::string> queue_;
  std::size_t queued_ = 0;  // bytes
  std::uint64_t dropped_ = 0, dropped_told_ = 0;
};

}  // namespace init::logger
