// The probes that look for a path, and may wait for a file system that does not answer: what a child does.
#pragma once
#include <string>
#include <string_view>

namespace init::manager {

inline constexpr std::string_view kProbeOption = "--probe";

// Is there something at the path ("path"), or a socket that takes a connection ("unix")? Links lead nowhere
// out of the root directory. 0, or the errno, which is then the exit code of the child.
[[nodiscard]] int probe_path(std::string_view kind, const std::string& path, const std::string& root);

}  // namespace init::manager
