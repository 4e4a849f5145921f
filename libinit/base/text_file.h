// Small text files of the system, read whole.
#pragma once
#include <cstddef>
#include <string>

#include "libinit/base/result.h"

namespace init {

// A regular file of at most `most` bytes. Never blocks. Errors: open(2), read(2); EINVAL when it is not a
// regular file, EFBIG when it is larger.
[[nodiscard]] Result<std::string> read_text_file(const std::string& path, std::size_t most);

}  // namespace init
