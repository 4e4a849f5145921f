// What is wrong with a unit, and where: one shape for the loader, verify, and --json.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace init::unit {

enum class Severity : std::uint8_t { Error, Warning };

// A place in a text. Lines and columns count from 1, columns and length in characters (code points).
struct Place {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::uint32_t length = 1;
};

struct Note {
  std::string path;
  std::uint32_t line = 0, column = 0;  // 0: the file as a whole
  std::string message;
};

// Codes are stable: E00.. the file, E01.. a key or value in it, E02.. the units together; a warning has W for
// E.
struct Diagnostic {
  Severity severity = Severity::Error;
  std::string code;  // "E0103"
  std::string path;
  std::uint32_t line = 0, column = 0, length = 1;  // line 0: the file as a whole
  std::string message;
  std::string source_line;  // without its line break; empty = not shown
  std::string help;         // what to do, or empty
  std::vector<Note> notes;
};

// As it is printed: the message, the line with a caret under the token, the help, the notes; ends in a line
// break. What came out of a file is escaped: nothing of it can steer a terminal.
[[nodiscard]] std::string render(const Diagnostic& diagnostic, bool colour);

// Line number `line` (from 1) of text, at most 4 KiB of it; empty when there is none.
[[nodiscard]] std::string line_of(std::string_view text, std::uint32_t line);

}  // namespace init::unit
