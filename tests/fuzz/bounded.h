// What each fuzz target defines. Its inputs are given to it on a stack of 256 KiB, and none may take longer
// than 100 ms of a processor: whatever reads bytes of others must do with that. The sanitizers are given ten
// times as much.
#pragma once
#include <cstddef>
#include <cstdint>

namespace init::test {

// Ends the process by a signal where something is wrong. Always 0.
int fuzz_input(const std::uint8_t* data, std::size_t size);

}  // namespace init::test
