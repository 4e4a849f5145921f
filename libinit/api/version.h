#pragma once
#include <string_view>

namespace init::api {

extern const std::string_view kVersion;

}  // namespace init::api
