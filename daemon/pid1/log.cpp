#include "daemon/pid1/log.h"

#include <poll.h>
#include <unistd.h>

#include <charconv>

namespace init::pid1 {
namespace {

int log_descriptor = 2;
bool may_block = true;
std::int64_t dropped = 0;

bool write_line(const char* bytes, std::size_t size) noexcept {
  pollfd out{log_descriptor, POLLOUT, 0};
  if (may_block && (poll(&out, 1, 0) != 1 || (out.revents & POLLOUT) == 0)) return false;
  return write(log_descriptor, bytes, size) == static_cast<ssize_t>(size);
}

}  // namespace

Line& Line::text(const char* more) noexcept {
  for (; *more != '\0'; ++more) put(static_cast<unsigned char>(*more) < ' ' ? '?' : *more);
  return *this;
}

Line& Line::number(std::int64_t value) noexcept {
  std::array<char, 21> digits{};  // with a 0 behind them
  std::to_chars(digits.begin(), digits.end() - 1, value);
  return text(digits.data());
}

void log_to(int fd) noexcept {
  log_descriptor = fd;
  may_block = false;
}

void log_line(const Line& line) noexcept {
  std::array<char, 300> whole;
  std::size_t size = 0;
  for (const char c : {'i', 'n', 'i', 't', 'd', ':', ' '}) whole[size++] = c;
  for (std::size_t i = 0; i < line.size_; ++i) whole[size++] = line.bytes_[i];
  whole[size++] = '\n';
  if (dropped != 0 && write_line("initd: lines were dropped here\n", 31)) dropped = 0;
  if (!write_line(whole.data(), size)) ++dropped;
}

}  // namespace init::pid1
