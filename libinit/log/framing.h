// From a service's bytes to stored lines. Pure: the logger looks into a pipe without emptying it, asks here
// how much to take, and takes just that, so that an unfinished line waits in the pipe itself.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "libinit/log/line.h"

namespace init::log {

// A line that grows beyond this without a line break is stored in parts; every line up to it is stored whole.
inline constexpr std::size_t kLongestUnfinished = 16 * 1024;

// How many of the bytes to take now: all up to the last line break; all there are when what comes after it is
// too long to wait for, or when nothing more is to be waited for.
[[nodiscard]] std::size_t takeable(std::string_view bytes, bool flush);

// Whether a line is stored.
class LineFilter {
 public:
  virtual ~LineFilter() = default;
  [[nodiscard]] virtual bool keeps(std::string_view text) = 0;
};

// Cuts bytes into lines and adds each, as stored, to out. Bytes that do not end with a line break leave a
// last part: one that continues, or with `ended` an unfinished line.
struct Framing {
  std::int64_t time_us = 0;
  Stream stream = Stream::Out;
  bool ended = false;
};
void frame(std::string& out, std::string_view bytes, const Framing& framing, LineFilter* filter);

}  // namespace init::log
