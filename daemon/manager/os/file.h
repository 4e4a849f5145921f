// Small whole-file reads and writes relative to a directory fd.
#pragma once
#include <string>
#include <string_view>

#include "libinit/base/result.h"

namespace init::manager {

// At most limit bytes, from the start; never blocks on a FIFO. dir may be AT_FDCWD.
Result<std::string> read_file(int dir, const std::string& path, std::size_t limit = 64 * 1024);
Result<> write_file(int dir, const std::string& path, std::string_view text);
// The last bytes of a regular file, at most limit; empty when there is none.
[[nodiscard]] std::string read_tail(const std::string& path, std::size_t limit);

}  // namespace init::manager
