// "did you mean": the word that was probably meant.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "libinit/unit/key_table.h"

namespace init::unit {

// The candidate at the smallest edit distance (a swap of neighbours counts once), or empty when none is near:
// up to a quarter of the word's length, at least 1.
[[nodiscard]] std::string_view nearest(std::string_view word,
                                       const std::vector<std::string_view>& candidates);

// A whole sentence about an unknown key of a table, or empty: the table it belongs in, what it is called here
// when it is another init system's name, or the nearest name, of the same table rather than of others.
[[nodiscard]] std::string suggest_key(std::span<const Key> keys, std::string_view table,
                                      std::string_view name);

}  // namespace init::unit
