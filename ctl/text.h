// Words and numbers for people. All pure.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libinit/base/time.h"

namespace init::ctl {

// What the screen can do.
struct Style {
  bool color = false;
  bool utf8 = true;
  std::int64_t now_us = 0;  // CLOCK_REALTIME
};

enum class Color : std::uint8_t { Plain, Good, Bad, Busy, Faint };
[[nodiscard]] std::string paint(const Style& style, Color color, std::string_view text);

// Text of others, made safe to print: what is no harmless character (utf8.h) shows as \x1b or \u202e; on a
// screen without UTF-8 all that is not ASCII shows as "?".
[[nodiscard]] std::string printable(const Style& style, std::string_view text);
// The same for a text of several lines: line breaks and tabs stay; ends with a line break.
[[nodiscard]] std::string printable_block(const Style& style, std::string_view text);
// Columns that printable() text takes, with one column for each character.
[[nodiscard]] std::size_t columns(std::string_view text);

// The two largest units: "3 h 41 min", "12 s", "2.3 s", "41 ms".
[[nodiscard]] std::string duration(std::int64_t microseconds);
// "08:12:04" when today, else "2026-11-20 08:12:04"; local time.
[[nodiscard]] std::string moment(const Style& style, std::int64_t since_us);

// "412 B", "12.3 KiB", "1.5 GiB".
[[nodiscard]] std::string size_text(std::uint64_t bytes);
// One row of a screen: "  label     text". The label's column is ten wide.
[[nodiscard]] std::string row(std::string_view label, std::string_view text);
// Words as others wrote them, made printable, with ", " between.
[[nodiscard]] std::string joined(const Style& style, const std::vector<std::string>& words);

// The shortest name that means this unit: what a hint tells to type.
[[nodiscard]] std::string short_name(std::string_view id);
[[nodiscard]] std::string counted(std::int64_t count, std::string_view noun);  // "1 unit", "2 units"

}  // namespace init::ctl
