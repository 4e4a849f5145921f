#include "libinit/log/line.h"

#include <algorithm>
#include <chrono>

namespace init::log {
namespace {

constexpr std::string_view kStreamLetters = "oei=s";
constexpr std::string_view kEndings = " +-";
constexpr std::int64_t kMicro = 1'000'000;
constexpr std::int64_t kDay = 86'400 * kMicro;
constexpr std::int64_t kEndOfTime = 253'402'300'800 * kMicro;  // 10000-01-01
constexpr std::string_view kPattern = "0000-00-00T00:00:00.000000Z";
constexpr std::array<std::string_view, 8> kSeverities{"emerg",   "alert",  "crit", "err",
                                                      "warning", "notice", "info", "debug"};

void put(char* at, std::int64_t value, std::size_t digits) {
  for (std::size_t i = digits; i-- > 0; value /= 10) at[i] = static_cast<char>('0' + value % 10);
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

int number(std::string_view digits) {
  int value = 0;
  for (const char c : digits) value = value * 10 + (c - '0');
  return value;
}

// Of "<N>": the bytes of the prefix, 0 when there is none.
std::size_t prefix_size(std::string_view text) {
  if (text.size() < 3 || text[0] != '<') return 0;
  const std::size_t end = text.substr(0, 5).find('>');
  if (end == std::string_view::npos || end < 2) return 0;
  const std::string_view digits = text.substr(1, end - 1);
  const bool plain = std::all_of(digits.begin(), digits.end(), is_digit);
  return plain && number(digits) < 192 ? end + 1 : 0;
}

bool is_id(std::string_view text) {
  return text.size() == kIdBytes && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

void append_header(std::string& out, const Entry& entry, char severity) {
  const auto time = stamp(entry.time_us);
  out.append(time.data(), time.size());
  out += ' ';
  out += kStreamLetters[static_cast<std::size_t>(entry.stream)];
  out += severity;
  out += kEndings[static_cast<std::size_t>(entry.ending)];
}

}  // namespace

std::array<char, kStampBytes> stamp(std::int64_t time_us) {
  const std::int64_t time = std::clamp<std::int64_t>(time_us, 0, kEndOfTime - 1);
  const std::chrono::year_month_day day{std::chrono::sys_days(std::chrono::days(time / kDay))};
  const std::int64_t in_day = time % kDay;
  std::array<char, kStampBytes> text{};
  std::copy(kPattern.begin(), kPattern.end(), text.begin());
  put(text.data(), static_cast<int>(day.year()), 4);
  put(text.data() + 5, static_cast<unsigned>(day.month()), 2);
  put(text.data() + 8, static_cast<unsigned>(day.day()), 2);
  put(text.data() + 11, in_day / (3600 * kMicro), 2);
  put(text.data() + 14, in_day / (60 * kMicro) % 60, 2);
  put(text.data() + 17, in_day / kMicro % 60, 2);
  put(text.data() + 20, in_day % kMicro, 6);
  return text;
}

std::optional<std::int64_t> parse_stamp(std::string_view text) {
  if (text.size() != kStampBytes) return std::nullopt;
  for (std::size_t i = 0; i < kStampBytes; ++i) {
    if (kPattern[i] == '0' ? !is_digit(text[i]) : text[i] != kPattern[i]) return std::nullopt;
  }
  const auto at = [text](std::size_t begin, std::size_t size) { return number(text.substr(begin, size)); };
  const std::chrono::year_month_day day{std::chrono::year(at(0, 4)),
                                        std::chrono::month(static_cast<unsigned>(at(5, 2))),
                                        std::chrono::day(static_cast<unsigned>(at(8, 2)))};
  if (!day.ok() || at(11, 2) > 23 || at(14, 2) > 59 || at(17, 2) > 59) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(day).time_since_epoch().count();
  const std::int64_t seconds = (at(11, 2) * 60 + at(14, 2)) * 60 + at(17, 2);
  const std::int64_t time = days * kDay + seconds * kMicro + at(20, 6);
  return time < 0 ? std::nullopt : std::optional(time);
}

std::uint8_t severity_of(std::string_view text) {
  const std::size_t size = prefix_size(text);
  return size == 0 ? kDefaultSeverity : static_cast<std::uint8_t>(number(text.substr(1, size - 2)) % 8);
}

std::string_view without_prefix(std::string_view text) {
  return text.substr(prefix_size(text));
}

std::optional<std::uint8_t> parse_severity(std::string_view text) {
  const auto named = std::find(kSeverities.begin(), kSeverities.end(), text);
  if (named != kSeverities.end()) return static_cast<std::uint8_t>(named - kSeverities.begin());
  if (text.size() == 1 && text[0] >= '0' && text[0] <= '7') return static_cast<std::uint8_t>(text[0] - '0');
  return std::nullopt;
}

std::string_view severity_name(std::uint8_t severity) {
  return kSeverities[severity % kSeverities.size()];
}

void append_line(std::string& out, const Entry& entry) {
  append_header(out, entry, static_cast<char>('0' + entry.severity % 8));
  out.append(entry.text);
  out += '\n';
}

void append_mark(std::string& out, std::int64_t time_us, std::string_view invocation, std::string_view boot) {
  append_header(out, {time_us, Stream::Mark, 0, Ending::Whole, {}}, '-');
  out.append(invocation).append(" ").append(boot) += '\n';
}

std::optional<Entry> parse_line(std::string_view stored) {
  if (stored.size() < kHeaderBytes || stored[kStampBytes] != ' ') return std::nullopt;
  const auto time = parse_stamp(stored.substr(0, kStampBytes));
  const std::size_t stream = kStreamLetters.find(stored[kStampBytes + 1]);
  const char severity = stored[kStampBytes + 2];
  const std::size_t ending = kEndings.find(stored[kStampBytes + 3]);
  if (!time || stream == std::string_view::npos || ending == std::string_view::npos) return std::nullopt;
  const bool mark = static_cast<Stream>(stream) == Stream::Mark;
  if (mark ? severity != '-' : severity < '0' || severity > '7') return std::nullopt;
  return Entry{*time, static_cast<Stream>(stream),
               mark ? std::uint8_t{0} : static_cast<std::uint8_t>(severity - '0'),
               static_cast<Ending>(ending), stored.substr(kHeaderBytes)};
}

std::optional<Mark> parse_mark(const Entry& entry) {
  const std::string_view text = entry.text;
  if (entry.stream != Stream::Mark || text.size() != 2 * kIdBytes + 1 || text[kIdBytes] != ' ')
    return std::nullopt;
  const Mark mark{text.substr(0, kIdBytes), text.substr(kIdBytes + 1)};
  return is_id(mark.invocation) && is_id(mark.boot) ? std::optional(mark) : std::nullopt;
}

}  // namespace init::log
