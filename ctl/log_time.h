// Moments as people type them.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace init::ctl {

// "2026-11-21 08:00:05", "2026-11-21 08:00", "2026-11-21", "08:00:05", "08:00" (today), "today", "yesterday",
// "now", all local time; "2026-11-21T08:00:05.123456Z"; or so long before now: "10min". Microseconds since
// 1970.
[[nodiscard]] std::optional<std::int64_t> parse_moment(std::string_view text, std::int64_t now_us);

}  // namespace init::ctl
