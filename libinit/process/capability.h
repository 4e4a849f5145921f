// The names of capabilities(7).
#pragma once
#include <string>

namespace init::process {

// "NET_BIND_SERVICE" for 10; the number itself for what has no name yet.
[[nodiscard]] std::string capability_name(int capability);

}  // namespace init::process
