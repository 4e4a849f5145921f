// UTF-8 as RFC 3629 has it, and which characters may reach a terminal.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace init {

struct Character {
  char32_t code = 0;
  std::uint8_t bytes = 0;  // 1 to 4; of an invalid sequence 1
  bool valid = false;
};

// The first character of a text that is not empty. Overlong forms, surrogates and what lies above U+10FFFF
// are invalid.
[[nodiscard]] Character first_character(std::string_view text) noexcept;

// The code, which must not be above U+10FFFF, in UTF-8.
void append_character(std::string& out, char32_t code);

// False for what moves the cursor, starts an escape sequence or turns the order of the text: C0, DEL, C1, the
// separators U+2028/9 and the bidirectional controls.
[[nodiscard]] bool is_harmless(char32_t code) noexcept;

}  // namespace init
