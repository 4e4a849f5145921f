// Words for people that more than one program prints, so that they are the same everywhere.
#pragma once
#include <string>

#include "libinit/base/time.h"

namespace init {

// The two largest units: "41 ms", "2.3 s" below ten seconds, "12 s", "1 min 30 s", "3 h 41 min", "5 d 2 h";
// "for ever" for kInfinity. A negative duration counts as zero.
[[nodiscard]] std::string duration_text(Duration duration);

}  // namespace init
