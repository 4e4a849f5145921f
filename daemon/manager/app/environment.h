// The environment of a service's processes: built from nothing.
#pragma once
#include <map>
#include <string>

#include "daemon/manager/app/preparation.h"

namespace init::manager {

struct LaunchRequest;
using Environment = std::map<std::string, std::string>;

// Later wins: what initd sets, pass-environment, [environment], the files in their order; unset-environment
// takes out.
[[nodiscard]] Environment make_environment(const unit::Unit& unit, const Prepared& prepared,
                                           const LaunchRequest& request, const Options& options);

}  // namespace init::manager
