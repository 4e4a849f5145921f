// org.varlink.service: what every Varlink service answers about itself.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace init::api {

inline constexpr std::string_view kServiceInterface = "org.varlink.service";

// Reply parameters as JSON.
[[nodiscard]] std::string service_info();
// nullopt = there is no such interface.
[[nodiscard]] std::optional<std::string> described_interface(std::string_view interface);

}  // namespace init::api
