// Bytes of a log file, in pieces of any size, back to lines. What a writer has not finished, or a power cut
// has torn, stays behind as the tail; a line that is damaged is left out and counted.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "libinit/log/line.h"

namespace init::log {

class Reader {
 public:
  void feed(std::string_view bytes);
  // The next whole line; its text is good until the next feed(). Marks are taken in, not given.
  [[nodiscard]] bool next(Entry& entry);
  // Whose line the last one was; empty while no mark was seen.
  [[nodiscard]] const std::string& invocation() const { return invocation_; }
  [[nodiscard]] const std::string& boot() const { return boot_; }
  [[nodiscard]] std::uint64_t damaged() const { return damaged_; }
  // Bytes after the last line break.
  [[nodiscard]] std::size_t tail() const { return buffer_.size() - at_; }
  // The next bytes are of another file, whose lines may be another's.
  void restart();

 private:
  [[nodiscard]] bool take(std::string_view stored, Entry& entry);

  std::string buffer_;
  std::size_t at_ = 0;        // of the first byte that was not given yet
  std::size_t searched_ = 0;  // no line break before it
  std::string invocation_, boot_;
  std::uint64_t damaged_ = 0;
};

}  // namespace init::log
