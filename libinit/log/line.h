// How a line of a service is stored: text that less(1) and grep(1) read, one line of the service per line.
//
//   2026-11-21T06:07:12.123456Z o6 listening on port 80
//   ^ UTC, always 27 bytes      ||^ ' ' whole, '+' goes on in the next line of this stream, '-' ended
//   unfinished
//                               |severity, 0 to 7 as in syslog(3)
//                               'o' stdout, 'e' stderr, 's' sent to /dev/log, 'i' initd's own words about
//                               this log, '=' a mark
//
// The text follows byte for byte, a "<4>" that told the severity, NULs and invalid UTF-8 included; only the
// line break is ours. A mark tells whose lines follow until the next one: "=- INVOCATION BOOT", each 32
// hexadecimal digits. There is one at the start of every file and at least one in each 64 KiB.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace init::log {

enum class Stream : std::uint8_t { Out, Err, Note, Mark, Syslog };
inline constexpr std::size_t kStreams = 5;
enum class Ending : std::uint8_t { Whole, Continues, Unfinished };

inline constexpr std::size_t kStampBytes = 27;
inline constexpr std::size_t kHeaderBytes = 31;
inline constexpr std::size_t kIdBytes = 32;             // of an invocation or a boot
inline constexpr std::size_t kMarkEvery = 64 * 1024;    // bytes
inline constexpr std::size_t kLongestText = 64 * 1024;  // of one stored line
inline constexpr std::uint8_t kDefaultSeverity = 6;     // LOG_INFO

struct Entry {
  std::int64_t time_us = 0;  // since 1970, UTC
  Stream stream = Stream::Out;
  std::uint8_t severity = kDefaultSeverity;
  Ending ending = Ending::Whole;
  std::string_view text;  // as it was written, without the line break
};

// "2026-11-21T06:07:12.123456Z". Times before 1970 and after 9999 are shown as the nearest that is not.
[[nodiscard]] std::array<char, kStampBytes> stamp(std::int64_t time_us);
// Nothing for what is no such text, or no such day.
[[nodiscard]] std::optional<std::int64_t> parse_stamp(std::string_view text);

// The N of "<N>" at the start of a line, N below 192 as syslog has it: its severity. Else the default.
[[nodiscard]] std::uint8_t severity_of(std::string_view text);
// The text without that prefix.
[[nodiscard]] std::string_view without_prefix(std::string_view text);
// "err", "3": the number of a severity, or nothing.
[[nodiscard]] std::optional<std::uint8_t> parse_severity(std::string_view text);
[[nodiscard]] std::string_view severity_name(std::uint8_t severity);

// Adds the line and its line break. text has no line break in it.
void append_line(std::string& out, const Entry& entry);
void append_mark(std::string& out, std::int64_t time_us, std::string_view invocation, std::string_view boot);

// A stored line without its line break. Nothing: it is damaged.
[[nodiscard]] std::optional<Entry> parse_line(std::string_view stored);

struct Mark {
  std::string_view invocation, boot;
};
[[nodiscard]] std::optional<Mark> parse_mark(const Entry& entry);

}  // namespace init::log
