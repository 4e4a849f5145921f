// The one way to a child that does not return into its parent's code: clone(2) onto a stack of its own.
#pragma once
#include <cstddef>
#include <cstdint>

namespace init::sys {

// entry(argument) runs in the child, at the top of the stack [stack, stack + size), and must not return; size
// is a multiple of 16. flags: CLONE_VM, CLONE_VFORK and so on; SIGCHLD is the exit signal. Gives the pid and
// a new pidfd (close-on-exec; untouched before Linux 5.2), or -errno. With CLONE_VM the two share one errno,
// so the child must not use libc's functions that set it.
[[nodiscard]] long start_child(std::uint64_t flags, std::byte* stack, std::size_t size,
                               void (*entry)(void*) noexcept, void* argument, int* pidfd) noexcept;

}  // namespace init::sys
