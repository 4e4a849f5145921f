// Slices: the tree of control groups above the services'. A name is the way to the slice:
// "batch-nightly.slice" lies in "batch.slice" (systemd.slice(5)).
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "libinit/unit/config.h"

namespace init::unit {

// "batch" or "batch.slice" as an id; nothing for what can be no slice.
[[nodiscard]] std::optional<std::string> slice_id(std::string_view written);
[[nodiscard]] inline bool is_slice(std::string_view id) {
  return id.ends_with(".slice");
}
// From the outermost to the slice itself; empty for "".
[[nodiscard]] std::vector<std::string> slices_down_to(std::string_view slice);
// "batch.slice/batch-nightly.slice", its directory below that of all units; empty for "".
[[nodiscard]] std::string slice_path(std::string_view slice);

// A service requires its slice, and a slice the one that it lies in, and comes after it; one without a file
// is made, but for those in `absent`, whose files do not count.
void add_slices(std::vector<Unit>& units, std::span<const std::string> absent);

}  // namespace init::unit
