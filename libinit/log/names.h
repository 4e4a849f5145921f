// The files of one unit's log: LOG-DIRECTORY/UNIT/current, and what it was before, named by the time of the
// first line, so that the names sort as the lines do.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace init::log {

inline constexpr std::string_view kCurrent = "current";
inline constexpr std::string_view kInitd = "initd";    // the log of initd itself
inline constexpr std::string_view kSyslog = "syslog";  // of what comes to /dev/log from no unit

// "20261121T060712.123456Z.log"; compressed it has ".zst" behind it.
[[nodiscard]] std::string rotated_name(std::int64_t first_us);

struct RotatedName {
  std::int64_t first_us = 0;
  bool compressed = false;
};
// Nothing for any other name.
[[nodiscard]] std::optional<RotatedName> parse_rotated_name(std::string_view name);

}  // namespace init::log
