// [log], and what of [service] is about lines.
#include <algorithm>

#include "libinit/pattern/pattern.h"
#include "libinit/unit/setters.h"
#include "libinit/unit/values.h"

namespace init::unit {
namespace {

constexpr std::uint64_t kLeastLogSize = 64 * 1024;
constexpr std::size_t kMostPatterns = 64;
constexpr std::size_t kMostPatternBytes = 1024;

// Why it is none; nothing: it is one.
std::optional<std::string> fault_of(const std::string& pattern) {
  if (pattern.size() > kMostPatternBytes) return "is longer than 1024 bytes";
  const auto compiled = Pattern::compile(pattern);
  if (compiled) return std::nullopt;
  return "is no regular expression: " + compiled.error().object;
}

}  // namespace

std::optional<std::uint64_t> read_log_size(const Setting& s) {
  const Node& node = s.entry.value;
  if (node.type != NodeType::String) return s.wrong_type(node, "a size like \"8M\""), std::nullopt;
  const auto size = parse_size(node.text);
  if (!size) return s.bad_value(node, "is not a size", "sizes look like \"8M\""), std::nullopt;
  if (*size < kLeastLogSize) return s.bad_value(node, "is too small", "at least \"64K\""), std::nullopt;
  return size;
}

void set_log_count(const Setting& s) {
  if (const auto count = s.integer(s.entry.value, 0, 10'000))
    owner_of(s, &LogConfig::count).count = static_cast<std::uint32_t>(*count);
}

void set_rate_limit(const Setting& s) {
  const Node& node = s.entry.value;
  if (node.type != NodeType::Table)
    return s.wrong_type(node, "a table like { lines = 1000, interval = \"1s\" }");
  if (!s.only_members(node, {"lines", "interval"})) return;
  RateLimit limit;
  const Entry* lines = find_entry(node, "lines");
  if (lines == nullptr) return s.bad_value(node, "needs lines");
  const auto count = s.integer(lines->value, 1, 1'000'000'000);
  if (!count) return;
  limit.lines = static_cast<std::uint32_t>(*count);
  if (const Entry* interval = find_entry(node, "interval")) {
    const auto value = s.duration(interval->value);
    if (!value) return;
    if (*value <= Duration::zero() || *value == kInfinity)
      return s.bad_value(interval->value, "is no interval");
    limit.interval = *value;
  }
  owner_of(s, &LogConfig::rate_limit).rate_limit = limit;
}

void set_log_identifier(const Setting& s) {
  constexpr std::size_t kLongest = 64;
  const std::string* text = s.string(s.entry.value);
  if (text == nullptr) return;
  const bool good =
      !text->empty() && text->size() <= kLongest && std::all_of(text->begin(), text->end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
               std::string_view("_.@/-").find(c) != std::string_view::npos;
      });
  if (!good) return s.bad_value(s.entry.value, "is no identifier", "1 to 64 letters, digits and _.@/-");
  s.unit->service.log.identifier = *text;
}

std::optional<std::string> read_pattern(const Setting& s) {
  const std::string* text = s.string(s.entry.value);
  if (text == nullptr) return std::nullopt;
  const auto fault = fault_of(*text);
  if (fault) return s.bad_value(s.entry.value, *fault), std::nullopt;
  return *text;
}

std::optional<std::vector<std::string>> read_patterns(const Setting& s) {
  auto patterns = s.strings(&Setting::string);
  if (!patterns) return std::nullopt;
  if (patterns->size() > kMostPatterns)
    return s.bad_value(s.entry.value, "has more than 64 patterns", "join some by |"), std::nullopt;
  for (std::size_t i = 0; i < patterns->size(); ++i) {
    const auto fault = fault_of((*patterns)[i]);
    if (!fault) continue;
    const auto& items = s.entry.value.items;
    s.bad_value(i < items.size() ? items[i] : s.entry.value, *fault);
    return std::nullopt;
  }
  return patterns;
}

}  // namespace init::unit
