#pragma once
#include <string_view>

namespace init {

// Of all programs of this project, "0.1.0".
extern const std::string_view kVersion;

}  // namespace init
