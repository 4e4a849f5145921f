// UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once
#include <cstdint>
#include <string_view>

namespace init::unit {

struct CodePoint {
  char32_t value = 0;
  std::uint8_t size = 0;  // bytes; 0 = not valid UTF-8 here
};

// The code point at the beginning of text, which is not empty.
[[nodiscard]] CodePoint decode_utf8(std::string_view text);

}  // namespace init::unit
