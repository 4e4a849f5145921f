// What a fork copies. A child gets a copy of each private page that PID 1 writes after it, and PID 1 pays for
// it with a fault: 4 microseconds a page, for each spawn. So what PID 1 writes in its loop lies in shared
// memory.
#pragma once
#include <cstddef>

namespace init::pid1 {

// Zeroed, for ever. Ends the program where there is none.
[[nodiscard]] void* shared_memory(std::size_t bytes) noexcept;
// libc registers a restartable sequence, into which the kernel writes whenever PID 1 was switched out: a page
// for each spawn, again. Nothing in PID 1 uses it (rseq(2)).
void leave_restartable_sequence() noexcept;

}  // namespace init::pid1
