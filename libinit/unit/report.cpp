#include "libinit/unit/report.h"

namespace init::unit {
namespace {

constexpr std::size_t kMaximumErrors = 100;
constexpr std::size_t kQuotedLength = 60;

}  // namespace

std::string quoted(std::string_view text) {
  if (text.size() <= kQuotedLength) return '"' + std::string(text) + '"';
  std::size_t end = kQuotedLength;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;
  return '"' + std::string(text.substr(0, end)) + "...\"";
}

bool Report::full() const {
  return errors_ >= kMaximumErrors;
}

void Report::error(std::string_view code, const Place& place, std::string message, std::string help) {
  if (full()) return;
  ++errors_;
  Diagnostic diagnostic;
  diagnostic.code = code;
  diagnostic.path = path_;
  diagnostic.line = place.line;
  diagnostic.column = place.column;
  diagnostic.length = place.length;
  diagnostic.message = std::move(message);
  diagnostic.help = std::move(help);
  if (place.line != 0) diagnostic.source_line = line_of(text_, place.line);
  out_.push_back(std::move(diagnostic));
}

}  // namespace init::unit
