// What keys of the process context owe to one another.
#pragma once
#include "libinit/unit/config.h"
#include "libinit/unit/document.h"
#include "libinit/unit/report.h"

namespace init::unit {

void check_context(const Unit& unit, const Node& root, Report& report);

}  // namespace init::unit
