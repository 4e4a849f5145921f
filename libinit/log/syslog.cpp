#include "libinit/log/syslog.h"

#include <algorithm>
#include <array>

#include "libinit/log/line.h"

namespace init::log {
namespace {

constexpr std::string_view kUsualPriority = "<13>";
constexpr std::string_view kMark = "\xef\xbb\xbf";  // of UTF-8, which RFC 5424 has before a text

// 'a' stands for a letter, '0' for a digit, '_' for a digit or a blank; all else for itself.
bool begins_as(std::string_view text, std::string_view form) {
  const auto fits = [](char c, char like) {
    const bool digit = c >= '0' && c <= '9';
    if (like == 'a') return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return like == '0' ? digit : like == '_' ? digit || c == ' ' : c == like;
  };
  return text.size() >= form.size() && std::equal(form.begin(), form.end(), text.begin(),
                                                  [fits](char like, char c) { return fits(c, like); });
}

// The bytes of "[id name="value"]...", or of "-"; 0 when it is neither.
std::size_t structured_size(std::string_view text) {
  if (text.starts_with('-')) return 1;
  std::size_t size = 0;
  while (size < text.size() && text[size] == '[') {
    bool quoted = false;
    for (++size; size < text.size() && (quoted || text[size] != ']'); ++size) {
      if (text[size] == '"') quoted = !quoted;
      if (quoted && text[size] == '\\') ++size;
    }
    if (size >= text.size()) return 0;
    ++size;
  }
  return size;
}

void append_text(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    out.append(text.substr(0, end));
    text.remove_prefix(end);
    if (text.empty()) return;
    out.append("\\x0a");
    text.remove_prefix(1);
  }
}

// Behind "<PRI>1 ": time, host, program, process, kind, structure, text. False, and nothing added: it is no
// such message.
bool append_rfc5424(std::string& out, std::string_view text) {
  std::array<std::string_view, 5> fields;
  for (auto& field : fields) {
    const std::size_t end = text.find(' ');
    if (end == std::string_view::npos || end == 0) return false;
    field = text.substr(0, end);
    text.remove_prefix(end + 1);
  }
  const std::size_t size = structured_size(text);
  if (size == 0 || (size < text.size() && text[size] != ' ')) return false;
  const std::string_view structure = text.substr(0, size);
  text.remove_prefix(std::min(size + 1, text.size()));
  if (text.starts_with(kMark)) text.remove_prefix(kMark.size());
  const std::string_view program = fields[2], process = fields[3];
  std::string line;
  if (program != "-") line.append(program);
  if (process != "-") line.append("[").append(process).append("]");
  if (!line.empty()) line.append(": ");
  if (structure != "-") line.append(structure).append(" ");
  append_text(out, line.append(text));
  return true;
}

}  // namespace

void append_syslog(std::string& out, std::string_view datagram) {
  const std::size_t last = datagram.find_last_not_of(std::string_view("\n\0", 2));
  std::string_view text = datagram.substr(0, last == std::string_view::npos ? 0 : last + 1);
  const std::string_view rest = without_prefix(text);
  const std::string_view priority = text.substr(0, text.size() - rest.size());
  out.append(priority.empty() ? kUsualPriority : priority);
  text = rest;
  constexpr std::string_view kTime = "aaa _0 00:00:00 ";
  if (!text.starts_with("1 ") || !append_rfc5424(out, text.substr(2))) {
    if (begins_as(text, kTime)) text.remove_prefix(kTime.size());
    append_text(out, text);
  }
  out += '\n';
}

}  // namespace init::log
