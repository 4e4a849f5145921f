#include "libinit/unit/utf8.h"

namespace init::unit {
namespace {

// By the first byte: how many bytes, and the least value that needs so many.
struct Form {
  std::uint8_t size;
  char32_t bits, least;
};

Form form_of(unsigned char first) {
  if (first < 0x80) return {1, first, 0};
  if (first >= 0xc2 && first < 0xe0) return {2, char32_t{first} & 0x1fU, 0x80};
  if (first >= 0xe0 && first < 0xf0) return {3, char32_t{first} & 0x0fU, 0x800};
  if (first >= 0xf0 && first < 0xf5) return {4, char32_t{first} & 0x07U, 0x10000};
  return {0, 0, 0};
}

}  // namespace

CodePoint decode_utf8(std::string_view text) {
  const Form form = form_of(static_cast<unsigned char>(text.front()));
  if (form.size == 0 || text.size() < form.size) return {};
  char32_t value = form.bits;
  for (std::uint8_t i = 1; i < form.size; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xc0U) != 0x80U) return {};
    value = (value << 6U) | (byte & 0x3fU);
  }
  const bool surrogate = value >= 0xd800 && value <= 0xdfff;
  if (value < form.least || value > 0x10ffff || surrogate) return {};
  return {value, form.size};
}

}  // namespace init::unit
