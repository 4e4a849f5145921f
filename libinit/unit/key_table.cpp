#include "libinit/unit/key_table.h"

#include <algorithm>
#include <vector>

namespace init::unit {
namespace {

// The rows of each table together, the tables in the order in which they come first.
std::vector<Key> join_parts() {
  std::vector<std::string_view> tables;
  std::vector<Key> keys;
  for (const auto part : {unit_keys(), context_keys()}) {
    for (const Key& key : part) {
      if (std::find(tables.begin(), tables.end(), key.table) == tables.end()) tables.push_back(key.table);
      keys.push_back(key);
    }
  }
  const auto rank = [&tables](const Key& key) { return std::find(tables.begin(), tables.end(), key.table); };
  std::stable_sort(keys.begin(), keys.end(),
                   [&rank](const Key& a, const Key& b) { return rank(a) < rank(b); });
  return keys;
}

}  // namespace

std::span<const Key> key_table() {
  static const std::vector<Key> keys = join_parts();
  return keys;
}

}  // namespace init::unit
