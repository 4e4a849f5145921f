// Which file lies at a path, in one number that fits where only a number does.
#pragma once
#include <cstdint>

namespace init {

// Of the file itself, also of a link; 0 = there is none. Two files of one file system never have the same.
[[nodiscard]] std::uint64_t file_identity(const char* path);

}  // namespace init
