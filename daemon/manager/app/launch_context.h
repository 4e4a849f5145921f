// The part of a launch plan that [service], [sandbox] and [tty] say about scheduling, privileges and streams.
#pragma once
#include "daemon/manager/app/identity.h"
#include "daemon/manager/app/launcher.h"

namespace init::manager {

void plan_scheduling(const unit::Scheduling& scheduling, process::PlanInput& plan);

// no-new-privileges and the sets of capabilities, with their safe defaults: a service whose user is not root
// has none, and can get none while no-new-privileges holds.
void plan_privileges(const unit::ServiceConfig& service, const Identity& identity, bool as_root,
                     process::PlanInput& plan);

[[nodiscard]] process::PlanInput::Stdio terminal_of(const unit::ServiceConfig& service);

// Errors: memfd_create(2), write(2) for the bytes of stdin = "data:..".
[[nodiscard]] Result<> plan_input(const unit::ServiceConfig& service, const LaunchRequest& request,
                                  process::PlanInput& plan, Launch& launch);

}  // namespace init::manager
