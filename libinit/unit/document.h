// A TOML document as plain nodes with their places, so that one translation unit alone knows the parser.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "libinit/unit/prescan.h"

namespace init::unit {

enum class NodeType : std::uint8_t { String, Integer, Float, Boolean, Date, Array, Table };

// "a string", "an array": with its article, for messages.
[[nodiscard]] std::string_view type_text(NodeType type);

struct Entry;

struct Node {
  NodeType type = NodeType::Table;
  Place place;
  std::string text;            // String
  std::int64_t integer = 0;    // Integer
  bool boolean = false;        // Boolean
  bool is_inline = true;       // Table: written as { }, not as [header]
  std::vector<Node> items;     // Array
  std::vector<Entry> entries;  // Table, in the order of the file
};

struct Entry {
  std::string key;
  Place place;
  Node value;
};

// The member of a table, or nullptr.
[[nodiscard]] const Entry* find_entry(const Node& table, std::string_view key);

// The root table. Runs prescan() first; a refusal or the first error of syntax comes back. Strings hold no
// NUL.
[[nodiscard]] tl::expected<Node, Refusal> parse_document(std::string_view text);

}  // namespace init::unit
