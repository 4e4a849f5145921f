#pragma once

namespace init::one_command {

// Gives back what only the start needed: the pages of the program and its constants. Those that are needed
// again come back from the page cache.
void release_unused_memory() noexcept;

}  // namespace init::one_command
