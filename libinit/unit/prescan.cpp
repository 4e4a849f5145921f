#include "libinit/unit/prescan.h"

#include <array>
#include <cstdint>

#include "libinit/base/utf8.h"

namespace init::unit {
namespace {

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::optional<Refusal> run() {
    if (text_.size() > kMaximumFile) {
      return Refusal{
          {1, 1, 1}, "the file is larger than 256 KiB", "a unit file holds settings; keep data elsewhere"};
    }
    while (at_ < text_.size() && !refusal_) step();
    return std::move(refusal_);
  }

 private:
  struct Bracket {
    char kind;
    std::uint32_t depth;  // of everything around it
    Place place;
  };

  void step() {
    switch (const char c = text_[at_]) {
      case '"':
      case '\'':
        return string(c);
      case '#':
        while (!refusal_ && at_ < text_.size() && text_[at_] != '\n') advance();
        return;
      case '[':
      case '{':
        return open(c);
      case ']':
      case '}':
        return close();
      case '.':
        return dot();
      case '=':
        in_value_ = true;
        held_dots_ = dots_;
        dots_ = 0;
        return advance();
      case ',':
        dots_ = held_dots_ = 0;
        return advance();
      case '\n':
        return line_break();
      default:
        return advance();
    }
  }

  // Over one character, counting lines and columns; refuses NUL and what is not UTF-8.
  void advance() {
    const char c = text_[at_];
    if (c == '\0') return refuse(here(), "the file contains a NUL byte", {});
    if (static_cast<unsigned char>(c) < 0x80) {
      ++at_;
      column_ = c == '\n' ? 1 : column_ + 1;
      line_ += c == '\n' ? 1 : 0;
      return;
    }
    const Character character = first_character(text_.substr(at_));
    if (!character.valid) return refuse(here(), "the file is not valid UTF-8", "write it in UTF-8");
    at_ += character.bytes;
    ++column_;
  }

  void string(char quote) {
    const Place start = here();
    const bool multi_line = text_.substr(at_, 3) == std::string(3, quote);
    const std::size_t quotes = multi_line ? 3 : 1;
    for (std::size_t i = 0; i < quotes; ++i) advance();
    const std::size_t begin = at_;
    while (!refusal_ && at_ < text_.size() && !ends_string(quote, multi_line)) {
      if (text_[at_] == '\\' && quote == '"' && at_ + 1 < text_.size()) advance();
      advance();
      if (at_ - begin > kMaximumString) return refuse(start, "a string is longer than 64 KiB", {});
    }
    for (std::size_t i = 0; i < quotes && at_ < text_.size() && text_[at_] == quote && !refusal_; ++i)
      advance();
  }

  [[nodiscard]] bool ends_string(char quote, bool multi_line) const {
    if (!multi_line) return text_[at_] == quote || text_[at_] == '\n';
    // Up to two quotes may stand right before the three that end the string.
    return text_[at_] == quote && text_.substr(at_, 3) == std::string(3, quote) &&
           (at_ + 3 >= text_.size() || text_[at_ + 3] != quote);
  }

  void open(char kind) {
    if (kind == '[' && count_ == 0 && !in_value_ && !names_a_table(text_.substr(at_))) {
      return refuse(here(), "a table header without a name", "write [service]");
    }
    const std::uint32_t outside = count_ == 0 ? 0 : stack_[count_ - 1].depth;
    const std::uint32_t depth = outside + held_dots_ + 1;
    if (depth > kMaximumDepth) return refuse(here(), "values are nested more than 32 deep", {});
    stack_[count_++] = {kind, depth, here()};
    dots_ = held_dots_ = 0;
    advance();
  }

  // The parser takes it for granted that a name follows the bracket or brackets of a header.
  static bool names_a_table(std::string_view text) {
    text.remove_prefix(1);
    if (text.starts_with('[')) text.remove_prefix(1);
    const std::size_t first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return true;
    const char c = text[first];
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '"' || c == '\'';
  }

  void close() {
    if (count_ > 0) --count_;
    dots_ = held_dots_ = 0;
    advance();
  }

  void dot() {
    if (++dots_ >= kMaximumDepth) return refuse(here(), "a dotted key has more than 32 parts", {});
    advance();
  }

  void line_break() {
    if (count_ > 0 && stack_[count_ - 1].kind == '{') {
      return refuse(stack_[count_ - 1].place, "a line break inside { }",
                    "inline tables stay on one line; for more write a [table] of its own");
    }
    dots_ = held_dots_ = 0;
    in_value_ = count_ > 0;
    advance();
  }

  [[nodiscard]] Place here() const { return {line_, column_, 1}; }

  void refuse(Place place, std::string message, std::string help) {
    refusal_ = Refusal{place, std::move(message), std::move(help)};
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::uint32_t line_ = 1, column_ = 1;
  std::uint32_t dots_ = 0;       // in the key being read
  std::uint32_t held_dots_ = 0;  // in the key whose value is being read
  bool in_value_ = false;        // behind the '=' of a statement
  std::array<Bracket, kMaximumDepth> stack_{};
  std::size_t count_ = 0;
  std::optional<Refusal> refusal_;
};

}  // namespace

std::optional<Refusal> prescan(std::string_view text) {
  return Scanner(text).run();
}

}  // namespace init::unit
