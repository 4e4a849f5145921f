// `initd [OPTION]... -- COMMAND [ARGUMENT]...`: initd without manager, units and log, around one command:
// what a container needs of a PID 1. docs/containers.md
#pragma once
#include <span>

namespace init::one_command {

// There is a "--" among the words.
[[nodiscard]] bool is_asked_for(std::span<char* const> words) noexcept;
// words: argv without the program. Ends the process: with the command's code or 128 + its signal; 126 and 127
// when it cannot be run, 2 when the words are wrong.
[[noreturn]] void run(std::span<char* const> words) noexcept;

}  // namespace init::one_command
