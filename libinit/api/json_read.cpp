#include "libinit/api/json_read.h"

#include <cerrno>

#define JSON_NO_IO 1
#include <nlohmann/json.hpp>

namespace init::api {

// Takes nlohmann's parser events down as nodes. Returning false ends the parse.
class TreeBuilder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit TreeBuilder(JsonDocument& document) : document_(document) {}

  bool null() override { return leaf(JsonNode::Kind::Null, 0); }
  bool boolean(bool value) override { return leaf(JsonNode::Kind::Bool, value ? 1 : 0); }
  bool number_integer(number_integer_t value) override { return leaf(JsonNode::Kind::Integer, value); }
  bool number_unsigned(number_unsigned_t value) override {
    const bool fits = value <= static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max());
    return fits ? leaf(JsonNode::Kind::Integer, static_cast<std::int64_t>(value))
                : leaf(JsonNode::Kind::Other, 0);
  }
  bool number_float(number_float_t, const string_t&) override { return leaf(JsonNode::Kind::Other, 0); }
  bool binary(binary_t&) override { return false; }
  bool string(string_t& value) override { return text(value); }
  bool key(string_t& value) override { return text(value); }  // its value is the node that follows
  bool start_object(std::size_t) override { return open(JsonNode::Kind::Object); }
  bool start_array(std::size_t) override { return open(JsonNode::Kind::Array); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception&) override {
    return false;
  }

  [[nodiscard]] bool too_deep() const { return too_deep_; }

 private:
  JsonNode& add(JsonNode::Kind kind) {
    JsonNode& node = document_.nodes_.emplace_back();
    node.kind = kind;
    node.end = static_cast<std::uint32_t>(document_.nodes_.size());
    return node;
  }
  bool leaf(JsonNode::Kind kind, std::int64_t value) {
    add(kind).integer = value;
    return true;
  }
  bool text(const std::string& value) {
    JsonNode& node = add(JsonNode::Kind::String);
    node.begin = static_cast<std::uint32_t>(document_.strings_.size());
    node.size = static_cast<std::uint32_t>(value.size());
    document_.strings_ += value;
    return true;
  }
  bool open(JsonNode::Kind kind) {
    too_deep_ = open_.size() >= kMaxJsonDepth;
    if (too_deep_) return false;
    open_.push_back(static_cast<std::uint32_t>(document_.nodes_.size()));
    add(kind);
    return true;
  }
  bool close() {
    document_.nodes_[open_.back()].end = static_cast<std::uint32_t>(document_.nodes_.size());
    open_.pop_back();
    return true;
  }

  JsonDocument& document_;
  std::vector<std::uint32_t> open_;
  bool too_deep_ = false;
};

Result<JsonDocument> JsonDocument::parse(std::string_view text) {
  JsonDocument document;
  document.strings_.reserve(text.size());
  document.nodes_.reserve(text.size() / 16 + 8);
  TreeBuilder builder(document);
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &builder)) {
    return failure(EBADMSG, "parse", builder.too_deep() ? "JSON: nested too deeply" : "JSON");
  }
  return document;
}

std::optional<std::uint32_t> JsonDocument::find(std::uint32_t object, std::string_view key,
                                                std::uint32_t hint) const {
  const std::uint32_t first = object + 1;
  const std::uint32_t end = nodes_[object].end;
  const auto scan = [&](std::uint32_t from, std::uint32_t to) -> std::optional<std::uint32_t> {
    for (std::uint32_t i = from; i < to; i = nodes_[i + 1].end) {
      if (text(i) == key) return i + 1;
    }
    return std::nullopt;
  };
  if (hint < first || hint >= end) return scan(first, end);
  const std::optional<std::uint32_t> found = scan(hint, end);
  return found ? found : scan(first, hint);
}

}  // namespace init::api
