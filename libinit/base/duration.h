// How long, as people write it. No heap.
#pragma once
#include <optional>
#include <string_view>

#include "libinit/base/time.h"

namespace init {

// "5s", "1min 30s", "0.5s", "infinity" (kInfinity). Units: ns us ms s min h d w and their long forms. A
// number without a unit, a sign, or more than 292 years is nothing.
[[nodiscard]] std::optional<Duration> parse_duration(std::string_view text);
// On a command line a number alone is seconds.
[[nodiscard]] std::optional<Duration> parse_typed_duration(std::string_view text);

}  // namespace init
