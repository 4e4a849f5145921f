#include "libinit/unit/setting.h"

#include <algorithm>

#include "libinit/unit/names.h"
#include "libinit/unit/suggest.h"
#include "libinit/unit/values.h"

namespace init::unit {
namespace {

std::string value_text(const Node& node) {
  if (node.type == NodeType::String) return quoted(node.text);
  if (node.type == NodeType::Integer) return std::to_string(node.integer);
  return std::string(type_text(node.type));
}

}  // namespace

void Setting::wrong_type(const Node& node, std::string_view expected, std::string help) const {
  report.error(
      "E0104", node.place,
      quoted(entry.key) + " takes " + std::string(expected) + ", not " + std::string(type_text(node.type)),
      std::move(help));
}

void Setting::bad_value(const Node& node, std::string_view problem, std::string help) const {
  report.error("E0105", node.place, quoted(entry.key) + ": " + value_text(node) + " " + std::string(problem),
               std::move(help));
}

std::optional<bool> Setting::boolean(const Node& node) const {
  if (node.type == NodeType::Boolean) return node.boolean;
  wrong_type(node, "true or false");
  return std::nullopt;
}

std::optional<std::int64_t> Setting::integer(const Node& node, std::int64_t least, std::int64_t most) const {
  if (node.type != NodeType::Integer) {
    wrong_type(node, "an integer");
  } else if (node.integer < least || node.integer > most) {
    bad_value(node, "is not between " + std::to_string(least) + " and " + std::to_string(most));
  } else {
    return node.integer;
  }
  return std::nullopt;
}

const std::string* Setting::string(const Node& node) const {
  if (node.type != NodeType::String) {
    wrong_type(node, "a string",
               node.type == NodeType::Integer ? "write \"" + std::to_string(node.integer) + "\"" : "");
  } else if (node.text.empty()) {
    bad_value(node, "is empty", "leave the key out instead");
  } else if (!one_line(node.text)) {
    bad_value(node, "contains a control character");
  } else {
    return &node.text;
  }
  return nullptr;
}

const std::string* Setting::path(const Node& node) const {
  const std::string* text = string(node);
  if (text == nullptr || valid_path(*text)) return text;
  bad_value(node, "is not an absolute path without \".\" and \"..\"");
  return nullptr;
}

const std::string* Setting::path_or_optional(const Node& node) const {
  const std::string* text =
      node.type == NodeType::String && node.text.starts_with("-/") ? string(node) : path(node);
  if (text == nullptr || text->front() == '/' || valid_path(std::string_view(*text).substr(1))) return text;
  bad_value(node, "is not an absolute path without \".\" and \"..\"");
  return nullptr;
}

const std::string* Setting::unit_name(const Node& node) const {
  const std::string* text = string(node);
  if (text == nullptr || valid_unit_name(*text)) return text;
  const std::string full = canonical_name(*text);
  bad_value(node, "is not a unit name", valid_unit_name(full) ? "did you mean \"" + full + "\"?" : "");
  return nullptr;
}

const std::string* Setting::identity(const Node& node) const {
  const std::string* text = string(node);
  if (text == nullptr || valid_identity(*text)) return text;
  bad_value(node, "is neither a name ([a-z_][a-z0-9_-]*) nor a plain decimal number below 4294967295");
  return nullptr;
}

const std::string* Setting::environment_name(const Node& node) const {
  const std::string* text = string(node);
  if (text == nullptr || valid_environment_name(*text)) return text;
  bad_value(node, "is not a name of a variable ([A-Za-z_][A-Za-z0-9_]*)");
  return nullptr;
}

std::optional<Duration> Setting::duration(const Node& node) const {
  if (node.type == NodeType::Integer) {
    wrong_type(node, "a duration with its unit",
               "for seconds write \"" + std::to_string(node.integer) + "s\"");
    return std::nullopt;
  }
  const std::string* text = string(node);
  if (text == nullptr) return std::nullopt;
  const auto parsed = parse_duration(*text);
  if (!parsed) bad_value(node, "is not a duration", "durations look like \"5s\", \"1min 30s\", \"infinity\"");
  return parsed;
}

std::optional<std::int32_t> Setting::signal(const Node& node) const {
  const std::string* text = string(node);
  if (text == nullptr) return std::nullopt;
  const auto parsed = parse_signal(*text);
  if (!parsed) bad_value(node, "is not a signal", "signals look like \"TERM\", \"HUP\", \"RTMIN+3\"");
  return parsed;
}

std::optional<std::uint16_t> Setting::mode(const Node& node) const {
  const std::string* text = string(node);
  if (text == nullptr) return std::nullopt;
  const auto parsed = parse_mode(*text);
  if (!parsed) bad_value(node, "is not an octal mode", "modes look like \"0640\"");
  return parsed;
}

std::optional<std::size_t> Setting::word_of(const Node& node, const std::string_view* words,
                                            std::size_t count) const {
  const std::string* text = string(node);
  if (text == nullptr) return std::nullopt;
  const auto* found = std::find(words, words + count, *text);
  if (found != words + count) return static_cast<std::size_t>(found - words);
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += (i == 0 ? "one of " : ", ") + std::string(words[i]);
  const std::string_view near = nearest(*text, std::vector<std::string_view>(words, words + count));
  bad_value(node, "is not known", near.empty() ? all : "did you mean \"" + std::string(near) + "\"?");
  return std::nullopt;
}

std::optional<std::vector<std::string>> Setting::strings(StringReader reader) const {
  const Node& node = entry.value;
  if (node.type != NodeType::Array) {
    wrong_type(node, "an array of strings",
               node.type == NodeType::String ? "write [" + quoted(node.text) + "]" : "");
    return std::nullopt;
  }
  std::vector<std::string> out;
  for (const Node& item : node.items) {
    if (report.full()) return std::nullopt;
    if (const std::string* text = (this->*reader)(item)) out.push_back(*text);
  }
  if (out.size() != node.items.size()) return std::nullopt;
  return out;
}

bool Setting::only_members(const Node& table, std::initializer_list<std::string_view> allowed) const {
  bool good = true;
  for (const Entry& member : table.entries) {
    if (std::find(allowed.begin(), allowed.end(), member.key) != allowed.end()) continue;
    const std::string_view near = nearest(member.key, std::vector<std::string_view>(allowed));
    report.error("E0103", member.place, "unknown key " + quoted(member.key) + " in " + quoted(entry.key),
                 near.empty() ? "" : "did you mean \"" + std::string(near) + "\"?");
    good = false;
  }
  return good;
}

}  // namespace init::unit
