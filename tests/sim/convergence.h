// S10, crash convergence.
#pragma once
#include <cstdint>
#include <string>

namespace init::sim {

// The first difference that a crash makes in the world of this seed; empty if none does. Counts the runs.
[[nodiscard]] std::string check_convergence(std::uint64_t seed, bool simple, std::uint64_t& runs);

}  // namespace init::sim
