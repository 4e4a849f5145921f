#include "ctl/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

#include "libinit/base/utf8.h"
#include "libinit/unit/names.h"

namespace init::ctl {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t microseconds;
};
constexpr std::array kUnits{Unit{"d", 86'400'000'000}, Unit{"h", 3'600'000'000}, Unit{"min", 60'000'000},
                            Unit{"s", 1'000'000},      Unit{"ms", 1000},         Unit{"us", 1}};

std::string number(std::int64_t value, std::size_t least_digits = 1, int base = 10) {
  std::array<char, 24> buffer{};
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, base);
  const std::string_view digits(buffer.data(), static_cast<std::size_t>(result.ptr - buffer.data()));
  return std::string(least_digits - std::min(least_digits, digits.size()), '0').append(digits);
}

void append_printable(std::string& out, const Style& style, std::string_view bytes,
                      const Character& character) {
  if (!character.valid) {
    out += "\\x" + number(static_cast<unsigned char>(bytes[0]), 2, 16);
  } else if (!is_harmless(character.code)) {
    out += character.code < 0x100 ? "\\x" + number(character.code, 2, 16)
                                  : "\\u" + number(character.code, 4, 16);
  } else if (character.code < 0x80 || style.utf8) {
    out += bytes.substr(0, character.bytes);
  } else {
    out += '?';
  }
}

tm local_time(std::int64_t microseconds) {
  const std::time_t seconds = microseconds / 1'000'000;
  tm fields{};
  localtime_r(&seconds, &fields);
  return fields;
}

}  // namespace

std::string paint(const Style& style, Color color, std::string_view text) {
  constexpr std::array<std::string_view, 5> kCodes{"", "\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[2m"};
  if (!style.color || color == Color::Plain) return std::string(text);
  return std::string(kCodes[static_cast<std::size_t>(color)]) + std::string(text) + "\x1b[0m";
}

std::string printable(const Style& style, std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    std::size_t plain = 0;
    while (plain < text.size() && text[plain] >= 0x20 && text[plain] < 0x7f) ++plain;
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    const Character character = first_character(text);
    append_printable(out, style, text, character);
    text.remove_prefix(character.bytes);
  }
  return out;
}

std::string printable_block(const Style& style, std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = text.find_first_of("\n\t");
    out += printable(style, text.substr(0, end));
    if (end == std::string_view::npos) break;
    out += text[end];
    text.remove_prefix(end + 1);
  }
  if (!out.empty() && out.back() != '\n') out += '\n';
  return out;
}

std::size_t columns(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xc0U) != 0x80U ? 1 : 0;
  return count;
}

std::string duration(std::int64_t microseconds) {
  if (microseconds < 0) microseconds = 0;
  if (microseconds >= 1'000'000 && microseconds < 10'000'000) {
    return number(microseconds / 1'000'000) + "." + number(microseconds / 100'000 % 10) + " s";
  }
  for (std::size_t i = 0; i < kUnits.size(); ++i) {
    const Unit& unit = kUnits[i];
    const std::int64_t whole = microseconds / unit.microseconds;
    if (whole == 0 && i + 1 < kUnits.size()) continue;
    std::string out = number(whole) + " " + std::string(unit.name);
    const bool is_time_of_clock = unit.microseconds > 1'000'000;
    const std::int64_t rest =
        is_time_of_clock ? microseconds % unit.microseconds / kUnits[i + 1].microseconds : 0;
    if (rest > 0) out += " " + number(rest) + " " + std::string(kUnits[i + 1].name);
    return out;
  }
  return {};
}

std::string moment(const Style& style, std::int64_t since_us) {
  const tm then = local_time(since_us);
  const tm today = local_time(style.now_us);
  const std::string clock =
      number(then.tm_hour, 2) + ":" + number(then.tm_min, 2) + ":" + number(then.tm_sec, 2);
  if (then.tm_year == today.tm_year && then.tm_yday == today.tm_yday) return clock;
  return number(then.tm_year + 1900, 4) + "-" + number(then.tm_mon + 1, 2) + "-" + number(then.tm_mday, 2) +
         " " + clock;
}

std::string size_text(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 5> kNames{" B", " KiB", " MiB", " GiB", " TiB"};
  std::size_t unit = 0;
  std::uint64_t rest = 0;
  for (; bytes >= 1024 && unit + 1 < kNames.size(); ++unit) {
    rest = bytes % 1024;
    bytes /= 1024;
  }
  std::string text = std::to_string(bytes);
  if (const std::uint64_t tenths = rest * 10 / 1024; tenths != 0) text += "." + std::to_string(tenths);
  return text.append(kNames[unit]);
}

std::string row(std::string_view label, std::string_view text) {
  constexpr std::size_t kColumns = 10;
  std::string out = "  ";
  out += label;
  out.append(kColumns - std::min(kColumns - 1, label.size()), ' ');
  return out.append(text) + '\n';
}

std::string joined(const Style& style, const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) {
    if (!out.empty()) out += ", ";
    out += printable(style, word);
  }
  return out;
}

std::string short_name(std::string_view id) {
  constexpr std::string_view kService = ".service";
  if (!id.ends_with(kService)) return std::string(id);
  const std::string_view bare = id.substr(0, id.size() - kService.size());
  return unit::canonical_name(bare) == id ? std::string(bare) : std::string(id);
}

std::string counted(std::int64_t count, std::string_view noun) {
  return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

}  // namespace init::ctl
