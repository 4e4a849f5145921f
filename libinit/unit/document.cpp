// The only file that includes toml++.
#include "libinit/unit/document.h"

#include <algorithm>

#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#define TOML_MAX_NESTED_VALUES 40  // a second fence; prescan() stops at 32
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#pragma GCC diagnostic ignored "-Wshadow"
#include <toml++/toml.h>
#pragma GCC diagnostic pop

namespace init::unit {
namespace {

Place place_of(const toml::source_region& region) {
  const std::uint32_t length = region.end.line == region.begin.line && region.end.column > region.begin.column
                                   ? region.end.column - region.begin.column
                                   : 1;
  return {region.begin.line, region.begin.column, length};
}

// Depth is bounded by prescan().
class Converter {
 public:
  Node table(const toml::table& source) {
    Node node;
    node.place = place_of(source.source());
    node.is_inline = source.is_inline();
    node.entries.reserve(source.size());
    for (const auto& [key, value] : source) {
      check_nul(key.str(), place_of(key.source()));
      node.entries.push_back({std::string(key.str()), place_of(key.source()), convert(value)});
    }
    const auto earlier = [](const Entry& a, const Entry& b) {
      return std::pair(a.place.line, a.place.column) < std::pair(b.place.line, b.place.column);
    };
    std::stable_sort(node.entries.begin(), node.entries.end(), earlier);
    return node;
  }

  std::optional<Refusal> refusal;

 private:
  Node convert(const toml::node& source) {
    if (const auto* as_table = source.as_table()) return table(*as_table);
    Node node;
    node.place = place_of(source.source());
    if (const auto* text = source.as_string()) {
      node.type = NodeType::String;
      node.text = text->get();
      check_nul(node.text, node.place);
    } else if (const auto* integer = source.as_integer()) {
      node.type = NodeType::Integer;
      node.integer = integer->get();
    } else if (const auto* boolean = source.as_boolean()) {
      node.type = NodeType::Boolean;
      node.boolean = boolean->get();
    } else if (const auto* array = source.as_array()) {
      node.type = NodeType::Array;
      node.items.reserve(array->size());
      for (const toml::node& item : *array) node.items.push_back(convert(item));
    } else {
      node.type = source.is_floating_point() ? NodeType::Float : NodeType::Date;
    }
    return node;
  }

  void check_nul(std::string_view text, const Place& place) {
    if (refusal || text.find('\0') == std::string_view::npos) return;
    refusal = Refusal{place, "a string contains a NUL character", {}};
  }
};

}  // namespace

std::string_view type_text(NodeType type) {
  constexpr std::string_view kTexts[] = {
      "a string", "an integer", "a number with a fraction", "true or false", "a date", "an array", "a table"};
  return kTexts[static_cast<std::size_t>(type)];
}

const Entry* find_entry(const Node& table, std::string_view key) {
  const auto found = std::find_if(table.entries.begin(), table.entries.end(),
                                  [key](const Entry& e) { return e.key == key; });
  return found == table.entries.end() ? nullptr : &*found;
}

tl::expected<Node, Refusal> parse_document(std::string_view text) {
  if (auto refusal = prescan(text)) return tl::unexpected(std::move(*refusal));
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return tl::unexpected(Refusal{place_of(error.source()), std::string(error.description()), {}});
  }
  Converter converter;
  Node root = converter.table(parsed.table());
  if (converter.refusal) return tl::unexpected(std::move(*converter.refusal));
  return root;
}

}  // namespace init::unit
