#include "libinit/base/names.h"

#include <algorithm>

namespace init {
namespace {

constexpr std::size_t kMaximumIdentity = 32;
constexpr std::uint64_t kMaximumId = 0xfffffffeU;  // -1 means "do not change" to the kernel

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}

}  // namespace

std::optional<std::uint64_t> parse_decimal(std::string_view text, std::uint64_t most) {
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (!is_digit(c) || __builtin_mul_overflow(value, 10U, &value) ||
        __builtin_add_overflow(value, static_cast<std::uint64_t>(c - '0'), &value)) {
      return std::nullopt;
    }
  }
  if (value > most) return std::nullopt;
  return value;
}

bool valid_identity(std::string_view text) {
  if (text.empty() || text.size() > kMaximumIdentity) return false;
  if (is_digit(text.front())) return parse_decimal(text, kMaximumId).has_value();
  if (!is_lower(text.front()) && text.front() != '_') return false;
  if (text.ends_with('$')) text.remove_suffix(1);
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return is_lower(c) || is_digit(c) || c == '_' || c == '-'; });
}

bool valid_environment_name(std::string_view text) {
  if (text.empty() || is_digit(text.front())) return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return is_lower(c) || is_digit(c) || c == '_' || (c >= 'A' && c <= 'Z'); });
}

}  // namespace init
