// What `status` tells of a unit's resources: their use, and which limits nothing stands behind.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "daemon/manager/app/views.h"

namespace init::manager {

// Nothing while it has no control group.
// Where its control group lies, whatever the unit says by now; empty: in no slice.
[[nodiscard]] std::string slice_of(const ViewContext& context, core::UnitIndex unit);
[[nodiscard]] std::optional<api::Usage> usage_of(const ViewContext& context, core::UnitIndex unit);

// Keys of [resources] that are not in force, each with its place and the reason. A unit without a control
// group is not asked: it gets one when it starts.
[[nodiscard]] std::vector<std::string> not_in_force(const ViewContext& context, const unit::Unit& unit);

}  // namespace init::manager
