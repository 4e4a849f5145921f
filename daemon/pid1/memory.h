// What a fork copies, and what a child gets to see. Each private page that PID 1 writes between two forks
// costs it a fault of 4 microseconds, and each mapping that a child inherits is made for it and taken down
// again at its exec. So what PID 1 writes in its loop lies in shared memory, and children do not inherit it:
// a child has the program, a stack of its own and its orders (spawn.cpp).
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

namespace init::pid1 {

// Zeroed, for ever; at `where` when that is free. Ends the program where there is none.
[[nodiscard]] std::byte* shared_memory(std::size_t bytes, void* where = nullptr) noexcept;
// What children use lies best right behind the program: it needs no page tables of its own.
[[nodiscard]] void* end_of_program() noexcept;
// libc registers a restartable sequence, into which the kernel writes whenever PID 1 was switched out: a page
// for each spawn, again. Nothing in PID 1 uses it (rseq(2)).
void leave_restartable_sequence() noexcept;

// From now on children inherit neither initd's variables, nor its stack, nor `state`. They do inherit what
// libc's functions for memory and strings look at, as long as one copies less than 2 KiB.
void hide_from_children(std::span<std::byte> state) noexcept;
// As fork(2): a child that goes on in initd's own code, with all that is hidden from the others.
[[nodiscard]] std::int32_t fork_whole() noexcept;

}  // namespace init::pid1
