#include "libinit/unit/diagnostic.h"

#include <algorithm>
#include <cstdio>

#include "libinit/base/utf8.h"

namespace init::unit {
namespace {

constexpr std::uint32_t kWindow = 100;  // characters of a source line that are shown
constexpr std::size_t kMaximumLine = 4096;

// C0, C1 and DEL steer terminals; the others make a line read differently from what it is.
bool unsafe(char32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200b && c <= 0x200f) ||
         (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

// One character for one, so that columns hold: what cannot be shown becomes '?', a tab a space.
std::u32string shown(std::string_view text) {
  std::u32string out;
  while (!text.empty()) {
    const Character character = first_character(text);
    const char32_t value = !character.valid || unsafe(character.code) ? U'?' : character.code;
    out += text.front() == '\t' ? U' ' : value;
    text.remove_prefix(character.bytes);
  }
  return out;
}

std::string safe(std::string_view text) {
  std::string out;
  for (const char32_t c : shown(text)) append_character(out, c);
  return out;
}

struct Palette {
  const char *bold, *error, *help, *end;
};

Palette palette(const Diagnostic& diagnostic, bool colour) {
  if (!colour) return {"", "", "", ""};
  return {"\x1b[1m", diagnostic.severity == Severity::Error ? "\x1b[1;31m" : "\x1b[1;33m", "\x1b[36m",
          "\x1b[0m"};
}

std::string place_text(std::string_view path, std::uint32_t line, std::uint32_t column) {
  std::string out = safe(path);
  if (line != 0) out += ":" + std::to_string(line) + ":" + std::to_string(column);
  return out;
}

// The line and the caret under it; of a long line the part around the column.
std::string excerpt(const Diagnostic& diagnostic, const Palette& colours) {
  const std::u32string line = shown(diagnostic.source_line);
  const std::uint32_t column = std::max<std::uint32_t>(diagnostic.column, 1) - 1;
  const std::uint32_t from = column < kWindow ? 0 : column - kWindow / 2;
  std::string number = std::to_string(diagnostic.line);
  std::string out = "  " + number + " | " + (from > 0 ? "..." : "");
  for (std::size_t i = from; i < line.size() && i < from + kWindow; ++i) append_character(out, line[i]);
  if (line.size() > from + kWindow) out += "...";
  const std::uint32_t indent = column - from + (from > 0 ? 3 : 0);
  const std::uint32_t room = std::max(1U, kWindow - (column - from));
  out += "\n  " + std::string(number.size(), ' ') + " | " + std::string(indent, ' ') + colours.error;
  out += std::string(std::clamp(diagnostic.length, 1U, room), '^') + colours.end;
  return out;
}

}  // namespace

std::string render(const Diagnostic& diagnostic, bool colour) {
  const Palette colours = palette(diagnostic, colour);
  const char* severity = diagnostic.severity == Severity::Error ? "error" : "warning";
  std::string out = colours.bold + place_text(diagnostic.path, diagnostic.line, diagnostic.column) + ": ";
  out +=
      colours.end + std::string(colours.error) + severity + "[" + diagnostic.code + "]" + colours.end + ": ";
  out += safe(diagnostic.message);
  const bool with_source = diagnostic.line != 0 && !diagnostic.source_line.empty();
  if (with_source) out += "\n" + excerpt(diagnostic, colours);
  if (!diagnostic.help.empty()) {
    out += (with_source ? " " : "\n  ") + std::string(colours.help) + "help: " + safe(diagnostic.help) +
           colours.end;
  }
  for (const Note& note : diagnostic.notes) {
    out += "\n  " + place_text(note.path, note.line, note.column) + ": " + safe(note.message);
  }
  return out + "\n";
}

std::string line_of(std::string_view text, std::uint32_t line) {
  for (; line > 1; --line) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  text = text.substr(0, std::min(text.find('\n'), kMaximumLine));
  if (text.ends_with('\r')) text.remove_suffix(1);
  return std::string(text);
}

}  // namespace init::unit
