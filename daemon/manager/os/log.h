// What the manager says on its own standard error. Never blocks: a line that the other end does not take at
// once is dropped and counted, and the count is said with the next line that gets through.
#pragma once
#include <string_view>

namespace init::manager {

void log_info(std::string_view text);
void log_warning(std::string_view text);
void log_error(std::string_view text);

// From now on every line goes there as well, with its severity as "<4>" (sd-daemon(3)). Borrowed; it must be
// non-blocking.
void log_to(int fd);

}  // namespace init::manager
