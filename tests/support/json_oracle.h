// What nlohmann's parser makes of a JSON text and what ours does, each written down in the order of
// appearance, so that a test can hold one against the other.
#pragma once
#define JSON_NO_IO 1
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "libinit/api/json_read.h"

namespace init::api {

inline std::string noted(std::string_view text) {
  return '"' + std::to_string(text.size()) + ':' + std::string(text);
}

class Notes final : public nlohmann::json_sax<nlohmann::json> {
 public:
  std::string text;
  bool overflow = false;

  bool null() override { return note("n"); }
  bool boolean(bool value) override { return note(value ? "t" : "f"); }
  bool number_integer(number_integer_t value) override { return note('#' + std::to_string(value)); }
  bool number_unsigned(number_unsigned_t value) override {
    return note(value <= std::uint64_t{INT64_MAX} ? '#' + std::to_string(value) : "?");
  }
  bool number_float(number_float_t, const string_t&) override { return note("?"); }
  bool binary(binary_t&) override { return false; }
  bool string(string_t& value) override { return note(noted(value)); }
  bool key(string_t& value) override { return note(noted(value)); }
  bool start_object(std::size_t) override { return ++depth_ <= kMaxJsonDepth && note("{"); }
  bool start_array(std::size_t) override { return ++depth_ <= kMaxJsonDepth && note("["); }
  bool end_object() override { return --depth_, note("}"); }
  bool end_array() override { return --depth_, note("]"); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception& error) override {
    overflow = error.id == 406;
    return false;
  }

 private:
  bool note(std::string_view what) {
    text += what;
    return true;
  }
  std::size_t depth_ = 0;
};

inline void note_node(const JsonDocument& json, std::uint32_t at, std::string& out) {
  using Kind = JsonNode::Kind;
  const Kind kind = json[at].kind;
  if (kind == Kind::Array || kind == Kind::Object) {
    out += kind == Kind::Array ? '[' : '{';
    for (std::uint32_t i = at + 1; i < json[at].end; i = json[i].end) note_node(json, i, out);
    out += kind == Kind::Array ? ']' : '}';
  } else if (kind == Kind::String) {
    out += noted(json.text(at));
  } else if (kind == Kind::Integer) {
    out += '#' + std::to_string(json[at].integer);
  } else if (kind == Kind::Bool) {
    out += json[at].integer != 0 ? 't' : 'f';
  } else {
    out += kind == Kind::Null ? 'n' : '?';
  }
}

// Empty when both agree, else what each says. Three things are known to differ, and ours is right by RFC
// 8259: nlohmann ends a text at a NUL, passes over a byte order mark, and refuses numbers that no double
// holds.
inline std::string json_disagreement(std::string_view text) {
  Notes theirs;
  const bool ended_early = text.find('\0') != text.npos || text.starts_with("\xef\xbb\xbf");
  const bool accepted = !ended_early && nlohmann::json::sax_parse(text.begin(), text.end(), &theirs);
  if (theirs.overflow) return {};
  const Result<JsonDocument> parsed = JsonDocument::parse(text);
  std::string ours;
  if (parsed) note_node(*parsed, 0, ours);
  const std::string expected = accepted ? theirs.text : "refused";
  const std::string got = parsed ? ours : "refused";
  return expected == got ? std::string() : "expected " + expected + "\ngot " + got;
}

}  // namespace init::api
