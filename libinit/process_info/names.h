// Words for the numbers of values.h.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace init::process_info {

[[nodiscard]] std::string state_name(char state);                 // "sleeping" for 'S'
[[nodiscard]] std::string policy_name(std::int32_t policy);       // "other" for SCHED_OTHER
[[nodiscard]] std::string_view limit_name(std::size_t resource);  // "nofile", as in a unit's [limits]
// Of open(2): "read", "write" or "read-write", then "append", "nonblock", "cloexec" and the like.
[[nodiscard]] std::vector<std::string> flag_names(std::uint32_t flags);

}  // namespace init::process_info
