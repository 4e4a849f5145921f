#include "libinit/unit/source_lines.h"

#include <algorithm>

#include "libinit/base/text_file.h"
#include "libinit/base/utf8.h"
#include "libinit/unit/document.h"
#include "libinit/unit/setting.h"

namespace init::unit {
namespace {

// The byte at which a column (from 1, in characters) begins.
std::size_t byte_of(std::string_view line, std::uint32_t column) {
  std::size_t at = 0;
  for (; column > 1 && at < line.size(); --column) at += first_character(line.substr(at)).bytes;
  return at;
}

std::uint32_t characters(std::string_view text) {
  const auto starts = std::count_if(text.begin(), text.end(), [](char c) { return (c & '\xc0') != '\x80'; });
  return static_cast<std::uint32_t>(starts);
}

}  // namespace

const std::string& SourceLines::text(const std::string& path) {
  const auto found = texts_.find(path);
  if (found != texts_.end()) return found->second;
  auto text = read_text_file(path, kMaximumFile);
  return texts_.emplace(path, text ? std::move(*text) : std::string()).first->second;
}

void SourceLines::show(Diagnostic& diagnostic, const Unit& unit, const Location& where,
                       std::string_view token) {
  if (where.file < unit.files.size()) diagnostic.path = unit.files[where.file];
  diagnostic.line = where.line;
  diagnostic.column = where.column;
  if (where.line == 0) return;
  diagnostic.source_line = line_of(text(diagnostic.path), where.line);
  const std::string_view line = diagnostic.source_line;
  const std::string written = '"' + std::string(token) + '"';
  const std::size_t at = line.find(written, byte_of(line, where.column));
  if (at == std::string_view::npos) return;
  diagnostic.column = characters(line.substr(0, at)) + 1;
  diagnostic.length = characters(written);
}

Location SourceLines::find_key(const Unit& unit, std::string_view table, std::string_view key) {
  if (unit.files.empty()) return {};
  const auto root = parse_document(text(unit.files[0]));
  const Entry* entry = root ? find_entry(*root, table) : nullptr;
  const Entry* member = entry == nullptr ? nullptr : find_entry(entry->value, key);
  return member == nullptr ? Location{} : location_of(member->place);
}

}  // namespace init::unit
