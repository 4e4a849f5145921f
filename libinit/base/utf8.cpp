#include "libinit/base/utf8.h"

#include <array>

namespace init {
namespace {

struct Lead {
  std::uint8_t bytes;
  std::uint8_t bits;  // of the code in the first byte, as a mask
  char32_t smallest;  // code that needs that many bytes
};

constexpr Lead lead_of(unsigned char byte) {
  if (byte < 0x80) return {1, 0x7f, 0};
  if (byte >= 0xc2 && byte < 0xe0) return {2, 0x1f, 0x80};
  if (byte >= 0xe0 && byte < 0xf0) return {3, 0x0f, 0x800};
  if (byte >= 0xf0 && byte < 0xf5) return {4, 0x07, 0x10000};
  return {0, 0, 0};
}

constexpr bool between(char32_t code, char32_t first, char32_t last) {
  return code >= first && code <= last;
}

}  // namespace

Character first_character(std::string_view text) noexcept {
  constexpr Character kInvalid{0xfffd, 1, false};
  const auto byte_at = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const Lead lead = lead_of(byte_at(0));
  if (lead.bytes == 0 || text.size() < lead.bytes) return kInvalid;
  char32_t code = byte_at(0) & lead.bits;
  for (std::size_t i = 1; i < lead.bytes; ++i) {
    if ((byte_at(i) & 0xc0U) != 0x80U) return kInvalid;
    code = (code << 6) | (byte_at(i) & 0x3fU);
  }
  if (code < lead.smallest || code > 0x10ffff || between(code, 0xd800, 0xdfff)) return kInvalid;
  return {code, lead.bytes, true};
}

void append_character(std::string& out, char32_t code) {
  const auto byte = [&out](char32_t value) { out += static_cast<char>(value); };
  if (code < 0x80) return byte(code);
  if (code < 0x800) {
    byte(0xc0U | (code >> 6U));
  } else {
    byte(code < 0x10000 ? 0xe0U | (code >> 12U) : 0xf0U | (code >> 18U));
    if (code >= 0x10000) byte(0x80U | ((code >> 12U) & 0x3fU));
    byte(0x80U | ((code >> 6U) & 0x3fU));
  }
  byte(0x80U | (code & 0x3fU));
}

bool is_harmless(char32_t code) noexcept {
  if (code < 0x20 || between(code, 0x7f, 0x9f)) return false;
  if (code < 0x61c) return true;
  return code != 0x61c && !between(code, 0x200e, 0x200f) && !between(code, 0x2028, 0x202e) &&
         !between(code, 0x2066, 0x2069);
}

}  // namespace init
