// Where a key of a unit was written: for errors that only a start can find.
#pragma once
#include <string>
#include <string_view>

#include "libinit/base/checksum.h"
#include "libinit/unit/config.h"

namespace init::unit {

// A test holds that no two keys of the table have the same.
[[nodiscard]] inline std::uint32_t key_hash(std::string_view table, std::string_view name) {
  constexpr std::uint32_t kThreeBytes = (1U << 21U) - 1;  // as the generation writes numbers
  return static_cast<std::uint32_t>(fnv1a64(std::string(table).append(1, '.').append(name))) & kThreeBytes;
}

// The keys of these tables are remembered.
[[nodiscard]] inline bool remembers_place(std::string_view table) {
  return table != "unit" && table != "install" && table != "environment";
}

// "/etc/initd/units/a.service.toml:7"; empty when the unit does not have the key.
[[nodiscard]] std::string place_of(const Unit& unit, std::string_view table, std::string_view name);

}  // namespace init::unit
