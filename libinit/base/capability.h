// The names of capabilities(7).
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace init {

// "NET_BIND_SERVICE" for 10; the number itself for what has no name yet.
[[nodiscard]] std::string capability_name(int capability);
// The number of "NET_BIND_SERVICE" or "CAP_NET_BIND_SERVICE".
[[nodiscard]] std::optional<int> capability_number(std::string_view name);

}  // namespace init
