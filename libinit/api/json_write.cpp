#include "libinit/api/json_write.h"

#include "libinit/base/utf8.h"

namespace init::api {
namespace {

constexpr bool is_plain(char c) {
  return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

void append_escape(std::string& out, char32_t code) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += kHex[(code >> shift) & 0xfU];
}

void append_special(std::string& out, std::string_view text, const Character& character) {
  switch (character.code) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  // All that is not harmless lies in the first plane, so four digits are enough.
  if (!character.valid || !is_harmless(character.code)) return append_escape(out, character.code);
  out += text.substr(0, character.bytes);
}

}  // namespace

void write_json(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    std::size_t plain = 0;
    while (plain < text.size() && is_plain(text[plain])) ++plain;
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    const Character character = first_character(text);
    append_special(out, text, character);
    text.remove_prefix(character.bytes);
  }
  out += '"';
}

}  // namespace init::api
