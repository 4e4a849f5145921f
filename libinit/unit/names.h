// Unit ids: "nginx.service". The last dot divides the name from the kind.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "libinit/unit/config.h"

namespace init::unit {

inline constexpr std::size_t kMaximumUnitName = 128;

// [A-Za-z0-9_.@:-]{1,128}, no leading '.' or '-', something before the kind, the kind one that the language
// knows and not there twice ("a.service.socket").
[[nodiscard]] bool valid_unit_name(std::string_view name);

// What a person typed as a unit id: "nginx" is "nginx.service", "x.target" stays. The result need not be
// valid.
[[nodiscard]] std::string canonical_name(std::string_view typed);

// Nothing for kinds that the language knows but that cannot be loaded yet.
[[nodiscard]] std::optional<Kind> kind_of(std::string_view name);

// "getty@.service": a pattern for units, not a unit.
[[nodiscard]] bool is_template(std::string_view name);

}  // namespace init::unit
