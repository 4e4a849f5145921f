// From records and facts back to a world, and the other way round for jobs.
#pragma once
#include <vector>

#include "libinit/core/engine.h"
#include "libinit/core/world.h"

namespace init::core {

[[nodiscard]] std::vector<JobRecord> save_jobs(const World& world);
// The world has its graph and nothing else. Units are left touched, to be looked at.
void restore_world(World& world, const Engine::Saved& saved);

}  // namespace init::core
