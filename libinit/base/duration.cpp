#include "libinit/base/duration.h"

#include <algorithm>
#include <iterator>

#include "libinit/base/names.h"

namespace init {
namespace {

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

std::optional<Duration> parse_typed_duration(std::string_view text) {
  constexpr std::uint64_t kMostSeconds = 1'000'000'000;
  const auto seconds = parse_decimal(text, kMostSeconds);
  return seconds ? std::optional<Duration>(std::chrono::seconds(*seconds)) : parse_duration(text);
}

}  // namespace init
