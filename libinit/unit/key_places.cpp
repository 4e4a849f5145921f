#include "libinit/unit/key_places.h"

namespace init::unit {

std::string place_of(const Unit& unit, std::string_view table, std::string_view name) {
  const std::uint32_t key = key_hash(table, name);
  for (const auto& entry : unit.places.list) {
    if (entry.key != key || entry.file >= unit.files.size()) continue;
    return unit.files[entry.file] + ":" + std::to_string(entry.line);
  }
  return {};
}

}  // namespace init::unit
