// The one way to a child that does not return into its parent's code: clone(2) onto a stack of its own.
#pragma once
#include <linux/sched.h>

#include <cstddef>
#include <cstdint>

namespace init::sys {

// entry(argument) runs in the child, at the top of the stack [stack, stack + size), and must not return; size
// is a multiple of 16. flags: CLONE_VM, CLONE_VFORK and so on; SIGCHLD is the exit signal. CLONE_PIDFD or
// CLONE_PARENT_SETTID, not both, says what is written to `number`: a new pidfd (close-on-exec; nothing before
// Linux 5.2) or the pid. Gives the pid, or -errno. With CLONE_VM the two share one errno, so the child must
// not use libc's functions that set it.
[[nodiscard]] long start_child(std::uint64_t flags, std::byte* stack, std::size_t size,
                               void (*entry)(void*) noexcept, void* argument, int* number) noexcept;

// The same by clone3(2); the arguments name the stack.
[[nodiscard]] long start_child(const clone_args& arguments, void (*entry)(void*) noexcept,
                               void* argument) noexcept;

}  // namespace init::sys
