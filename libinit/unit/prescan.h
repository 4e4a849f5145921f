// Looks at the bytes of a TOML file before the parser does, whose stack would follow the file's nesting.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "libinit/unit/diagnostic.h"

namespace init::unit {

inline constexpr std::size_t kMaximumFile = 256 * 1024;   // bytes
inline constexpr std::size_t kMaximumString = 64 * 1024;  // bytes as written between the quotes
inline constexpr std::uint32_t kMaximumDepth = 32;        // brackets, braces and dots open at one place

struct Refusal {
  Place place;
  std::string message, help;
};

// Nothing when text keeps the limits: at most kMaximumFile bytes, UTF-8 without NUL, values and dotted keys
// nested at most kMaximumDepth deep, strings at most kMaximumString long, inline tables on one line. O(size),
// no recursion, no allocation but for the refusal. Errors of syntax are left to the parser.
[[nodiscard]] std::optional<Refusal> prescan(std::string_view text);

}  // namespace init::unit
