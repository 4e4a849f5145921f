// JSON text to structs. The text is parsed into a flat list of nodes, in order of appearance; nothing
// recurses.
#pragma once
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libinit/api/names.h"
#include "libinit/api/shapes.h"
#include "libinit/base/result.h"

namespace init::api {

inline constexpr std::size_t kMaxJsonDepth = 16;

struct JsonNode {
  enum class Kind : std::uint8_t {
    Null,
    Bool,
    Integer,
    Other,
    String,
    Array,
    Object
  };  // Other: a number that is no int64
  Kind kind = Kind::Null;
  std::uint32_t begin = 0;   // String: where its text stands
  std::uint32_t size = 0;    // String: its bytes
  std::uint32_t end = 0;     // index of the node after this one and all that is inside it
  std::int64_t integer = 0;  // Bool too
};

class JsonDocument {
 public:
  // Errors: EBADMSG with what is wrong as object: no JSON (RFC 8259, UTF-8 only), nested deeper than
  // kMaxJsonDepth.
  [[nodiscard]] static Result<JsonDocument> parse(std::string_view text);

  [[nodiscard]] const JsonNode& operator[](std::uint32_t index) const { return nodes_[index]; }
  [[nodiscard]] std::string_view text(std::uint32_t index) const {
    return std::string_view(strings_).substr(nodes_[index].begin, nodes_[index].size);
  }
  // The value of a key in the object at index. The search begins at hint, the index of a key, and wraps
  // around: fields that come in the expected order are found at once.
  [[nodiscard]] std::optional<std::uint32_t> find(std::uint32_t object, std::string_view key,
                                                  std::uint32_t hint = 0) const;

 private:
  friend class JsonParser;
  std::vector<JsonNode> nodes_;
  std::string strings_;
};

inline bool read_json(const JsonDocument& json, std::uint32_t at, std::string& value) {
  if (json[at].kind != JsonNode::Kind::String) return false;
  value = json.text(at);
  return true;
}

template <std::same_as<bool> Bool>
bool read_json(const JsonDocument& json, std::uint32_t at, Bool& value) {
  if (json[at].kind != JsonNode::Kind::Bool) return false;
  value = json[at].integer != 0;
  return true;
}

template <std::signed_integral Integer>
bool read_json(const JsonDocument& json, std::uint32_t at, Integer& value) {
  using Limits = std::numeric_limits<Integer>;
  const JsonNode& node = json[at];
  if (node.kind != JsonNode::Kind::Integer || node.integer < Limits::min() || node.integer > Limits::max()) {
    return false;
  }
  value = static_cast<Integer>(node.integer);
  return true;
}

template <Named Enum>
bool read_json(const JsonDocument& json, std::uint32_t at, Enum& value) {
  if (json[at].kind != JsonNode::Kind::String) return false;
  const std::optional<Enum> found = by_name<Enum>(json.text(at));
  if (found) value = *found;
  return found.has_value();
}

template <class Struct>
bool read_object(const JsonDocument& json, std::uint32_t at, Struct& value);

template <class T>
bool read_any(const JsonDocument& json, std::uint32_t at, T& value) {
  if constexpr (requires { read_json(json, at, value); }) {
    return read_json(json, at, value);
  } else {
    return read_object(json, at, value);
  }
}

template <class T>
bool read_json(const JsonDocument& json, std::uint32_t at, std::vector<T>& values) {
  if (json[at].kind != JsonNode::Kind::Array) return false;
  for (std::uint32_t i = at + 1; i < json[at].end; i = json[i].end) {
    if (!read_any(json, i, values.emplace_back())) return false;
  }
  return true;
}

template <class T>
bool read_json(const JsonDocument& json, std::uint32_t at, std::optional<T>& value) {
  return read_any(json, at, value.emplace());
}

class ObjectReader {
 public:
  ObjectReader(const JsonDocument& json, std::uint32_t object)
      : json_(json), object_(object), next_(object + 1) {}

  template <class T>
  void operator()(std::string_view name, T& value) {
    if (!read(name, value)) fail(name);
  }
  template <class T>
  void maybe(std::string_view name, T& value) {
    read(name, value);
  }
  // The first field that is missing or has another type or range; empty = all is well.
  [[nodiscard]] std::string_view bad_field() const { return bad_; }

 private:
  template <class T>
  bool read(std::string_view name, T& value) {
    const std::optional<std::uint32_t> at = json_.find(object_, name, next_);
    if (!at || json_[*at].kind == JsonNode::Kind::Null) return false;
    next_ = json_[*at].end;
    if (!read_any(json_, *at, value)) fail(name);
    return true;
  }
  void fail(std::string_view name) {
    if (bad_.empty()) bad_ = name;
  }

  const JsonDocument& json_;
  std::uint32_t object_;
  std::uint32_t next_;
  std::string_view bad_;
};

template <class Struct>
bool read_object(const JsonDocument& json, std::uint32_t at, Struct& value) {
  if (json[at].kind != JsonNode::Kind::Object) return false;
  ObjectReader reader(json, at);
  describe(reader, value);
  return reader.bad_field().empty();
}

}  // namespace init::api
