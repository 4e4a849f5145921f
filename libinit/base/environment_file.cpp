#include "libinit/base/environment_file.h"

#include <algorithm>
#include <cerrno>

#include "libinit/base/names.h"
#include "libinit/base/text_file.h"

namespace init {
namespace {

constexpr std::size_t kMaximumEnvironmentFile = 256 * 1024;
constexpr std::string_view kBlanks = " \t\r";

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Variables run() {
    while (!text_.empty()) statement();
    return std::move(variables_);
  }

 private:
  void statement() {
    skip_blanks();
    if (text_.starts_with('#') || text_.starts_with(';')) return skip_line();
    const std::size_t end = text_.find_first_of("=\n");
    if (end == std::string_view::npos || text_[end] == '\n') return skip_line();
    std::string_view name = text_.substr(0, end);
    name = name.substr(0, name.find_last_not_of(kBlanks) + 1);
    text_.remove_prefix(end + 1);
    std::string value = read_value();
    if (valid_environment_name(name)) variables_.emplace_back(name, std::move(value));
  }

  // To the end of the statement, over joined lines and quoted line breaks.
  std::string read_value() {
    skip_blanks();
    std::string value;
    std::size_t solid = 0;  // length of the value without bare blanks at its end
    while (!text_.empty() && text_.front() != '\n') {
      const char c = take();
      if (c == '\'') {
        single_quoted(value);
      } else if (c == '"') {
        double_quoted(value);
      } else if (c == '\\') {
        escaped(value);
      } else {
        value += c;
        if (kBlanks.find(c) != std::string_view::npos) continue;
      }
      solid = value.size();
    }
    if (!text_.empty()) take();
    value.resize(solid);
    return value;
  }

  void single_quoted(std::string& value) {
    while (!text_.empty()) {
      const char c = take();
      if (c == '\'') return;
      value += c;
    }
  }

  void double_quoted(std::string& value) {
    while (!text_.empty()) {
      const char c = take();
      if (c == '"') return;
      if (c != '\\' || text_.empty()) {
        value += c;
      } else if (const char next = take(); next != '\n') {
        if (std::string_view("\"\\`$").find(next) == std::string_view::npos) value += '\\';
        value += next;
      }
    }
  }

  void escaped(std::string& value) {
    if (text_.empty()) return;
    if (const char next = take(); next != '\n') value += next;
  }

  char take() {
    const char c = text_.front();
    text_.remove_prefix(1);
    return c;
  }
  void skip_blanks() { text_.remove_prefix(std::min(text_.find_first_not_of(kBlanks), text_.size())); }
  void skip_line() {
    const std::size_t end = text_.find('\n');
    text_ = end == std::string_view::npos ? std::string_view() : text_.substr(end + 1);
  }

  std::string_view text_;
  Variables variables_;
};

}  // namespace

Variables parse_environment(std::string_view text) {
  return Parser(text).run();
}

Result<Variables> read_environment_file(const std::string& path) {
  const auto text = read_text_file(path, kMaximumEnvironmentFile);
  if (!text) return Failure(text.error());
  if (text->find('\0') != std::string::npos) return failure(EINVAL, "read", path + ", which contains a NUL");
  return parse_environment(*text);
}

}  // namespace init
