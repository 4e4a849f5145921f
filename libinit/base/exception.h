// The one border between the exceptions of other people's code and our errors.
#pragma once
#include "libinit/base/result.h"

namespace init {

// The exception that is being handled, as an Error: ENOMEM of std::bad_alloc, the code of an errno in a
// std::system_error, else no code and what() as the object. Only inside of a catch (...).
[[nodiscard]] Error caught(const char* step) noexcept;

}  // namespace init
