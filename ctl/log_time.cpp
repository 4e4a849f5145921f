#include "ctl/log_time.h"

#include <array>
#include <ctime>
#include <string>

#include "libinit/base/duration.h"
#include "libinit/log/line.h"

namespace init::ctl {
namespace {

constexpr std::int64_t kSecond = 1'000'000;

std::optional<std::int64_t> local(tm fields) {
  fields.tm_isdst = -1;
  const std::time_t seconds = std::mktime(&fields);
  return seconds < 0 ? std::nullopt : std::optional(std::int64_t{seconds} * kSecond);
}

tm midnight(std::int64_t now_us) {
  const std::time_t seconds = now_us / kSecond;
  tm fields{};
  localtime_r(&seconds, &fields);
  fields.tm_hour = fields.tm_min = fields.tm_sec = 0;
  return fields;
}

// Reads the whole text by the format of strptime(3).
bool fits(const std::string& text, const char* format, tm& fields) {
  const char* end = strptime(text.c_str(), format, &fields);
  return end != nullptr && *end == '\0';
}

}  // namespace

std::optional<std::int64_t> parse_moment(std::string_view text, std::int64_t now_us) {
  if (const auto exact = log::parse_stamp(text)) return exact;
  if (text == "now") return now_us;
  tm day = midnight(now_us);
  if (text == "today") return local(day);
  if (text == "yesterday") {
    --day.tm_mday;
    return local(day);
  }
  const std::string words(text);
  for (const char* format : {"%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%H:%M:%S", "%H:%M"}) {
    tm fields = day;
    if (fits(words, format, fields)) return local(fields);
  }
  const auto ago = parse_duration(text);
  if (!ago || *ago == kInfinity || *ago < Duration::zero()) return std::nullopt;
  return now_us - *ago / std::chrono::microseconds(1);
}

}  // namespace init::ctl
