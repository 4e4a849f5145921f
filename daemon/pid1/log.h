// PID 1's log: one bounded line to standard error (the kernel's log on a machine), built on the stack. It
// never blocks: where the reader is slow the line is dropped and counted.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace init::pid1 {

class Line {
 public:
  static constexpr std::size_t kBytes = 256;  // what is longer is cut

  explicit Line(const char* start) noexcept { text(start); }
  Line& text(const char* more) noexcept;
  Line& number(std::int64_t value) noexcept;
  [[nodiscard]] std::string_view view() const noexcept { return {bytes_.data(), size_}; }

 private:
  friend void log_line(const Line& line) noexcept;
  void put(char c) noexcept {
    if (size_ < bytes_.size()) bytes_[size_++] = c;
  }
  std::array<char, kBytes> bytes_{};
  std::size_t size_ = 0;
};

// From now on lines go to fd, which is O_NONBLOCK. Until then to fd 2, where a poll before each write must
// do.
void log_to(int fd) noexcept;
void log_line(const Line& line) noexcept;
inline void log_line(const char* text) noexcept {
  log_line(Line(text));
}

}  // namespace init::pid1
