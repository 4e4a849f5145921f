// Pieces of the texts of /proc.
#pragma once
#include <algorithm>
#include <charconv>
#include <concepts>
#include <optional>
#include <string_view>
#include <system_error>

namespace init::process_info {

inline constexpr std::string_view kBlanks = " \t";

// A whole word as a number; nothing else around it.
template <std::integral Integer>
[[nodiscard]] std::optional<Integer> number(std::string_view word, int base = 10) {
  Integer value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value, base);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return value;
}

// Takes the next word, up to one of the separators, off the text; empty at its end.
[[nodiscard]] inline std::string_view next_word(std::string_view& text,
                                                std::string_view separators = " \t\n") {
  text.remove_prefix(std::min(text.find_first_not_of(separators), text.size()));
  const std::string_view word = text.substr(0, text.find_first_of(separators));
  text.remove_prefix(word.size());
  return word;
}

// Takes a line, without its end, off a text that is not empty.
[[nodiscard]] inline std::string_view next_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return line;
}

}  // namespace init::process_info
