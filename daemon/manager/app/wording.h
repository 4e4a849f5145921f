// Small pieces that the views share: places in files, states in words, times.
#pragma once
#include <string>
#include <string_view>

#include "daemon/manager/app/views.h"
#include "libinit/process/exit_status.h"

namespace init::manager {

[[nodiscard]] api::State to_api(core::PublicState state);
[[nodiscard]] process::ExitStatus to_status(const core::Exit& exit);
[[nodiscard]] std::string name_of(const ViewContext& context, core::UnitIndex unit);
// "/etc/initd/units/a.service.toml:3" of that unit's dependency; empty when it is not from a file.
[[nodiscard]] std::string where_of(const ViewContext& context, core::UnitIndex owner,
                                   std::uint16_t dependency);
[[nodiscard]] std::string_view relation_of(unit::DependencyKind kind);  // "requires"
[[nodiscard]] Duration wall_ahead();                                    // of the monotonic clock, right now
// CLOCK_REALTIME in microseconds of a moment on the monotonic clock; 0 for moment 0.
[[nodiscard]] std::int64_t wall_us(MonotonicTime moment, Duration ahead = wall_ahead());
[[nodiscard]] std::int64_t us_until(MonotonicTime moment);  // 0 when past or never
// Why it failed, one phrase with its figures: "exit 3", "exec failed at step 'user': ...".
[[nodiscard]] std::string result_text(const ViewContext& context, core::UnitIndex unit,
                                      const core::UnitView& view);
// The same of a unit that has failed, and when it is tried again.
[[nodiscard]] std::string failure_text(const ViewContext& context, core::UnitIndex unit,
                                       const core::UnitView& view);
// The state with its reason: "is activating: awaiting exec for 2 s (limit 1 min 30 s)".
[[nodiscard]] std::string state_text(const ViewContext& context, core::UnitIndex unit,
                                     const core::UnitView& view);

}  // namespace init::manager
