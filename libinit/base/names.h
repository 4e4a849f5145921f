// What counts as a number, an identity, the name of a variable: one understanding for unit files, account
// files and callers. Nothing is guessed or rounded.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace init {

// The plain decimal number that text is as a whole, without sign or leading zeros, up to `most`.
[[nodiscard]] std::optional<std::uint64_t> parse_decimal(std::string_view text, std::uint64_t most);

// A user or group: [a-z_][a-z0-9_-]*$? up to 32 characters, or a plain decimal number below 2^32-1 without
// leading zeros. Anything else could mean another identity than was meant, so it is no identity at all.
[[nodiscard]] bool valid_identity(std::string_view text);

// [A-Za-z_][A-Za-z0-9_]*
[[nodiscard]] bool valid_environment_name(std::string_view text);

}  // namespace init
