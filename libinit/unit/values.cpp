#include "libinit/unit/values.h"

#include <algorithm>
#include <array>

namespace init::unit {
namespace {

constexpr std::size_t kMaximumPath = 4096;  // PATH_MAX, with the NUL

bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

struct TimeUnit {
  std::string_view name;
  std::int64_t nanoseconds;
};
constexpr std::int64_t kSecond = 1'000'000'000;
constexpr TimeUnit kTimeUnits[] = {
    {"ns", 1},
    {"us", 1'000},
    {"ms", 1'000'000},
    {"s", kSecond},
    {"sec", kSecond},
    {"second", kSecond},
    {"seconds", kSecond},
    {"min", 60 * kSecond},
    {"m", 60 * kSecond},
    {"minute", 60 * kSecond},
    {"minutes", 60 * kSecond},
    {"h", 3600 * kSecond},
    {"hour", 3600 * kSecond},
    {"hours", 3600 * kSecond},
    {"d", 86400 * kSecond},
    {"day", 86400 * kSecond},
    {"days", 86400 * kSecond},
    {"w", 604800 * kSecond},
    {"week", 604800 * kSecond},
    {"weeks", 604800 * kSecond},
};

void skip_blanks(std::string_view& text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
}

// Takes what satisfies the predicate off the front of text.
template <class Predicate>
std::string_view take(std::string_view& text, Predicate predicate) {
  const auto end = std::find_if_not(text.begin(), text.end(), predicate);
  const std::string_view taken = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(taken.size());
  return taken;
}

// Nanoseconds of whole.fraction units; what is below a nanosecond is nothing.
std::optional<std::int64_t> scaled(std::string_view whole, std::string_view fraction, std::int64_t unit) {
  std::int64_t value = 0;
  for (const char c : whole) {
    if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, c - '0', &value))
      return {};
  }
  if (__builtin_mul_overflow(value, unit, &value)) return std::nullopt;
  for (const char c : fraction) {
    if (unit % 10 != 0) return std::nullopt;
    unit /= 10;
    if (__builtin_add_overflow(value, unit * (c - '0'), &value)) return std::nullopt;
  }
  return value;
}

// One "30s" off the front of text.
std::optional<std::int64_t> take_term(std::string_view& text) {
  const std::string_view whole = take(text, is_digit);
  std::string_view fraction;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    fraction = take(text, is_digit);
    if (fraction.empty()) return std::nullopt;
  }
  skip_blanks(text);
  const std::string_view name = take(text, is_lower);
  const auto unit = std::find_if(std::begin(kTimeUnits), std::end(kTimeUnits),
                                 [name](const TimeUnit& u) { return u.name == name; });
  if (whole.empty() || unit == std::end(kTimeUnits)) return std::nullopt;
  return scaled(whole, fraction, unit->nanoseconds);
}

// Indexed by signal number.
constexpr std::array<std::string_view, 32> kSignals = {
    "",     "HUP",  "INT",  "QUIT", "ILL",    "TRAP",   "ABRT",  "BUS",  "FPE",  "KILL", "USR1",
    "SEGV", "USR2", "PIPE", "ALRM", "TERM",   "STKFLT", "CHLD",  "CONT", "STOP", "TSTP", "TTIN",
    "TTOU", "URG",  "XCPU", "XFSZ", "VTALRM", "PROF",   "WINCH", "IO",   "PWR",  "SYS"};
constexpr std::int32_t kFirstRealtime = 34, kLastRealtime = 64;  // as glibc numbers SIGRTMIN and SIGRTMAX

std::optional<std::int32_t> realtime_signal(std::string_view text) {
  const bool from_end = text.starts_with("RTMAX");
  if (!from_end && !text.starts_with("RTMIN")) return std::nullopt;
  text.remove_prefix(5);
  std::uint64_t offset = 0;
  if (!text.empty()) {
    if (text.front() != (from_end ? '-' : '+')) return std::nullopt;
    const auto parsed = parse_decimal(text.substr(1), kLastRealtime - kFirstRealtime);
    if (!parsed) return std::nullopt;
    offset = *parsed;
  }
  const auto distance = static_cast<std::int32_t>(offset);
  return from_end ? kLastRealtime - distance : kFirstRealtime + distance;
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  if (text == "infinity") return kInfinity;
  std::int64_t total = 0;
  bool any = false;
  for (skip_blanks(text); !text.empty(); skip_blanks(text), any = true) {
    const auto term = take_term(text);
    if (!term || __builtin_add_overflow(total, *term, &total)) return std::nullopt;
  }
  if (!any || Duration(total) == kInfinity) return std::nullopt;
  return Duration(total);
}

std::optional<std::int32_t> parse_signal(std::string_view text) {
  if (text.starts_with("SIG")) text.remove_prefix(3);
  const auto found = std::find(kSignals.begin() + 1, kSignals.end(), text);
  if (found != kSignals.end()) return static_cast<std::int32_t>(found - kSignals.begin());
  return realtime_signal(text);
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  constexpr std::string_view kSuffixes = "KMGT";
  constexpr std::uint64_t kMost = ~std::uint64_t{0} >> 1U;
  std::size_t shift = 0;
  if (!text.empty() && kSuffixes.find(text.back()) != std::string_view::npos) {
    shift = 10 * (kSuffixes.find(text.back()) + 1);
    text.remove_suffix(1);
  }
  const auto number = parse_decimal(text, kMost >> shift);
  if (!number) return std::nullopt;
  return *number << shift;
}

std::optional<std::uint16_t> parse_mode(std::string_view text) {
  if (text.size() < 3 || text.size() > 4) return std::nullopt;
  std::uint16_t mode = 0;
  for (const char c : text) {
    if (c < '0' || c > '7') return std::nullopt;
    mode = static_cast<std::uint16_t>(mode * 8 + (c - '0'));
  }
  return mode;
}

bool valid_path(std::string_view text) {
  if (!text.starts_with('/') || text.size() >= kMaximumPath || !one_line(text)) return false;
  while (!text.empty()) {
    text.remove_prefix(1);
    const std::string_view part = text.substr(0, text.find('/'));
    if (part == "." || part == "..") return false;
    text.remove_prefix(part.size());
  }
  return true;
}

bool one_line(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == '\x7f';
  });
}

}  // namespace init::unit
