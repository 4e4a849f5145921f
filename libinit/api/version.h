#pragma once
#include <string_view>

namespace init::api {

inline constexpr std::string_view kVersion = INITD_VERSION;

}  // namespace init::api
