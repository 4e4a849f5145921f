// JSON text (RFC 8259) to nodes. Why no library does this: docs/architecture.md, "Decisions".
#include <array>
#include <cerrno>
#include <charconv>

#include "libinit/api/json_read.h"
#include "libinit/base/utf8.h"

namespace init::api {
namespace {

// What stands for itself in a string: ASCII from the blank on, but for the quote and the backslash.
constexpr auto kPlain = [] {
  std::array<bool, 256> plain{};
  for (unsigned c = 0x20; c < 0x80; ++c) plain[c] = c != '"' && c != '\\';
  return plain;
}();

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

// Every function takes what it names from the front of the text; false = it does not stand there.
class JsonParser {
 public:
  JsonParser(std::string_view text, JsonDocument& document)
      : text_(text), nodes_(document.nodes_), strings_(document.strings_) {}

  bool document() {
    if (!value()) return false;
    while (depth_ > 0) {
      if (end_of_container()) continue;
      if (!empty_ && !take(',')) return false;
      empty_ = false;
      if (container().kind == JsonNode::Kind::Object && !key()) return false;
      if (!value()) return false;
    }
    skip_space();
    return text_.empty();
  }
  [[nodiscard]] bool too_deep() const { return too_deep_; }

 private:
  // The whole of a plain value; of a container the bracket that opens it.
  bool value() {
    skip_space();
    switch (front()) {
      case '"':
        return string();
      case '{':
        return open(JsonNode::Kind::Object);
      case '[':
        return open(JsonNode::Kind::Array);
      case 't':
        return word("true", JsonNode::Kind::Bool, 1);
      case 'f':
        return word("false", JsonNode::Kind::Bool, 0);
      case 'n':
        return word("null", JsonNode::Kind::Null, 0);
      default:
        return number();
    }
  }

  bool key() {
    skip_space();
    if (front() != '"' || !string()) return false;
    skip_space();
    return take(':');
  }

  bool open(JsonNode::Kind kind) {
    too_deep_ = depth_ == kMaxJsonDepth;
    if (too_deep_) return false;
    open_[depth_++] = static_cast<std::uint32_t>(nodes_.size());
    add(kind);
    text_.remove_prefix(1);
    empty_ = true;
    return true;
  }

  bool end_of_container() {
    skip_space();
    if (!take(container().kind == JsonNode::Kind::Object ? '}' : ']')) return false;
    container().end = static_cast<std::uint32_t>(nodes_.size());
    --depth_;
    empty_ = false;
    return true;
  }

  bool word(std::string_view expected, JsonNode::Kind kind, std::int64_t integer) {
    if (!text_.starts_with(expected)) return false;
    text_.remove_prefix(expected.size());
    add(kind).integer = integer;
    return true;
  }

  bool number() {
    const char* const begin = text_.data();
    (void)take('-');
    if (!take('0') && !digits()) return false;
    const std::size_t fraction_at = text_.size();
    if (take('.') && !digits()) return false;
    if (take('e') || take('E')) {
      (void)(take('+') || take('-'));
      if (!digits()) return false;
    }
    std::int64_t integer = 0;
    const bool whole = text_.size() == fraction_at;
    const bool fits = whole && std::from_chars(begin, text_.data(), integer).ec == std::errc();
    add(fits ? JsonNode::Kind::Integer : JsonNode::Kind::Other).integer = integer;
    return true;
  }
  bool digits() {
    if (!is_digit(front())) return false;
    while (is_digit(front())) text_.remove_prefix(1);
    return true;
  }

  bool string() {
    const std::size_t begin = strings_.size();
    text_.remove_prefix(1);
    while (!take('"')) {
      if (!characters()) return false;
    }
    JsonNode& node = add(JsonNode::Kind::String);
    node.begin = static_cast<std::uint32_t>(begin);
    node.size = static_cast<std::uint32_t>(strings_.size() - begin);
    return true;
  }
  // As many plain ones as there are, or one other.
  bool characters() {
    std::size_t plain = 0;
    while (plain < text_.size() && kPlain[static_cast<unsigned char>(text_[plain])]) ++plain;
    if (plain > 0) return copy(plain);
    if (take('\\')) return escape();
    if (text_.empty() || static_cast<unsigned char>(text_.front()) < 0x20) return false;
    const Character character = first_character(text_);
    return character.valid && copy(character.bytes);
  }
  bool copy(std::size_t bytes) {
    strings_.append(text_.substr(0, bytes));
    text_.remove_prefix(bytes);
    return true;
  }

  bool escape() {
    constexpr std::string_view kLetters = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    if (take('u')) return escaped_code();
    const std::size_t which = text_.empty() ? kLetters.npos : kLetters.find(text_.front());
    if (which == kLetters.npos) return false;
    strings_ += kMeanings[which];
    text_.remove_prefix(1);
    return true;
  }
  // Of two units of UTF-16 when the first is a surrogate.
  bool escaped_code() {
    std::uint32_t code = 0;
    std::uint32_t low = 0;
    if (!four_digits(code) || (code & 0xfc00U) == 0xdc00U) return false;
    if ((code & 0xfc00U) == 0xd800U) {
      if (!take('\\') || !take('u') || !four_digits(low) || (low & 0xfc00U) != 0xdc00U) return false;
      code = 0x10000U + ((code & 0x3ffU) << 10U) + (low & 0x3ffU);
    }
    append_character(strings_, code);
    return true;
  }
  bool four_digits(std::uint32_t& code) {
    if (text_.size() < 4) return false;
    const char* const end = text_.data() + 4;
    if (std::from_chars(text_.data(), end, code, 16).ptr != end) return false;
    text_.remove_prefix(4);
    return true;
  }

  void skip_space() {
    while (front() == ' ' || front() == '\n' || front() == '\t' || front() == '\r') text_.remove_prefix(1);
  }
  bool take(char c) {
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  [[nodiscard]] char front() const { return text_.empty() ? '\0' : text_.front(); }  // no value begins so
  [[nodiscard]] JsonNode& container() { return nodes_[open_[depth_ - 1]]; }
  JsonNode& add(JsonNode::Kind kind) {
    JsonNode& node = nodes_.emplace_back();
    node.kind = kind;
    node.end = static_cast<std::uint32_t>(nodes_.size());
    return node;
  }

  std::string_view text_;  // what is left of it
  std::vector<JsonNode>& nodes_;
  std::string& strings_;
  std::array<std::uint32_t, kMaxJsonDepth> open_{};  // nodes of the containers around the text that is left
  std::size_t depth_ = 0;
  bool empty_ = false;  // nothing stands yet in the innermost container
  bool too_deep_ = false;
};

Result<JsonDocument> JsonDocument::parse(std::string_view text) {
  JsonDocument document;
  document.strings_.reserve(text.size());
  document.nodes_.reserve(text.size() / 8 + 8);
  JsonParser parser(text, document);
  if (!parser.document()) {
    return failure(EBADMSG, "parse", parser.too_deep() ? "JSON: nested too deeply" : "JSON");
  }
  return document;
}

}  // namespace init::api
