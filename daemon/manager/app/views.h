// What the manager tells: replies of the control interface made from the state of the engine and the machine.
// Reads only.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "daemon/channel/facts.h"
#include "daemon/manager/app/configuration.h"
#include "daemon/manager/app/logging.h"
#include "daemon/manager/app/options.h"
#include "daemon/manager/app/voices.h"
#include "daemon/manager/os/intents.h"
#include "daemon/manager/os/unit_processes.h"
#include "libinit/api/method.h"
#include "libinit/core/engine.h"

namespace init::manager {

// What of a unit the engine does not keep.
struct UnitState {
  std::uint32_t place = Intents::kNoPlace;
  core::Attempt activation = 0;  // attempt of the first process of this activation; names the invocation
  std::string error;             // why the last plan could not be made
  std::optional<std::uint32_t> error_detail;  // of the child step that failed: ChildReport::detail
  core::Attempt ready = 0;      // the activation that was told to be ready, by trigger or a line; 0 = none
  std::uint64_t oom_kills = 0;  // of its control group when the last process was started
  bool out_of_memory = false;   // the kernel killed in it, until the last main process ended
  std::optional<api::LastRun> last_run;
  std::string probe_problem;   // why the last answer to a probe was bad; empty when it was good
  std::uint32_t restarts = 0;  // that the hook was told of
  bool kept = false;           // PID 1 starts its main process again when no manager can
};

struct ViewContext {
  const core::Engine& engine;
  const Configuration& configuration;
  const UnitProcesses& processes;
  const std::vector<UnitState>& units;
  const Voices& voices;
  const Options& options;
  const channel::FactsHeader& facts;
  const IntentsHeader& intents;
  const Logging& logging;
  const Restriction& restriction;
  bool refuses_requests = false;
};

[[nodiscard]] api::Status status_of(const ViewContext& context, core::UnitIndex unit);
// What a reply shows of units and may hang: what their processes are called, and what lies on file systems,
// the end of the log, whether the unit file has changed, its text.
void look_at_disk(const ViewContext& context, api::Reply& reply);
// Instead of that.
void leave_out_disk(api::Reply& reply);
[[nodiscard]] api::SystemReply system_of(const ViewContext& context);
[[nodiscard]] api::ListReply list_of(const ViewContext& context, const api::ListRequest& request);
[[nodiscard]] api::WhyReply why_of(const ViewContext& context, core::UnitIndex unit);
// Of one verb on some units: the plan of each, one after the other, each step once.
[[nodiscard]] api::PlanReply plan_of(const ViewContext& context, core::Verb verb,
                                     const std::vector<core::UnitIndex>& units);
[[nodiscard]] api::CatReply cat_of(const ViewContext& context, core::UnitIndex unit);
// Whether the reply about such an end shows the status of the unit that it is about.
[[nodiscard]] bool explains(core::JobOutcome outcome);
// The end of a job, in words. cause may be kNoUnit.
[[nodiscard]] api::JobReply job_reply(const ViewContext& context, core::UnitIndex unit,
                                      core::JobOutcome outcome, core::UnitIndex cause);
// What the unit waits for right now: "awaiting stop, 3 s of 1 min 30 s"; empty when for nothing.
[[nodiscard]] std::string progress_of(const ViewContext& context, core::UnitIndex unit);

}  // namespace init::manager
