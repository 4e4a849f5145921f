#include "libinit/log/framing.h"

#include <array>
#include <cstring>

namespace init::log {
namespace {

// append_line() with the header made once: all lines of one reading bear its time.
void append_framed(std::string& out, std::string_view header, std::string_view text, Ending ending) {
  const std::size_t at = out.size();
  out.append(header);
  const std::uint8_t severity = severity_of(text);
  if (severity != kDefaultSeverity) out[at + kStampBytes + 2] = static_cast<char>('0' + severity);
  if (ending != Ending::Whole) out[at + kHeaderBytes - 1] = ending == Ending::Continues ? '+' : '-';
  out.append(text);
  out += '\n';
}

}  // namespace

std::size_t takeable(std::string_view bytes, bool flush) {
  const std::size_t last = bytes.rfind('\n');
  const std::size_t whole = last == std::string_view::npos ? 0 : last + 1;
  return flush || bytes.size() - whole >= kLongestUnfinished ? bytes.size() : whole;
}

void frame(std::string& out, std::string_view bytes, const Framing& framing, LineFilter* filter) {
  std::string header;
  append_line(header, {framing.time_us, framing.stream, kDefaultSeverity, Ending::Whole, {}});
  header.pop_back();
  while (!bytes.empty()) {
    const void* found = std::memchr(bytes.data(), '\n', bytes.size());
    const bool whole = found != nullptr;
    const auto size =
        whole ? static_cast<std::size_t>(static_cast<const char*>(found) - bytes.data()) : bytes.size();
    const std::string_view text = bytes.substr(0, size);
    bytes.remove_prefix(size + (whole ? 1 : 0));
    if (filter != nullptr && !filter->keeps(text)) continue;
    append_framed(out, header, text,
                  whole           ? Ending::Whole
                  : framing.ended ? Ending::Unfinished
                                  : Ending::Continues);
  }
}

}  // namespace init::log
