// Any bytes as a log file, in pieces: what is understood is printed as it was read. The same bytes as a
// datagram to /dev/log: they are one line.
#include <cstdint>
#include <cstdlib>

#include "libinit/log/reader.h"
#include "libinit/log/syslog.h"
#include "tests/fuzz/bounded.h"

int init::test::fuzz_input(const std::uint8_t* data, std::size_t size) {
  using namespace init::log;
  if (size == 0) return 0;
  const std::size_t piece = data[0] + std::size_t{1};
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string_view whole = text;
  Reader reader;
  Entry entry;
  std::string line;
  while (!text.empty()) {
    reader.feed(text.substr(0, piece));
    text.remove_prefix(std::min(piece, text.size()));
    while (reader.next(entry)) {
      line.clear();
      append_line(line, entry);
      if (whole.find(line) == std::string_view::npos) std::abort();
    }
  }
  line.clear();
  append_syslog(line, whole);
  if (line.find('\n') != line.size() - 1) std::abort();
  return 0;
}
