// Errors that only a start can find, beside the key that asked for it and its place: "FILE:LINE: key: ...".
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "libinit/base/result.h"
#include "libinit/process/child_steps.h"
#include "libinit/unit/config.h"

namespace init::manager {

[[nodiscard]] Failure at_key(const unit::Unit& unit, std::string_view table, std::string_view key,
                             Error error);

// The key that a step of the child carries out, and its place: "io-class, /u/a.service.toml:7". Empty when
// the unit does not have it. detail: ChildReport::detail, where it is known.
[[nodiscard]] std::string key_of_step(const unit::Unit& unit, process::ChildStep step,
                                      std::optional<std::uint32_t> detail);

}  // namespace init::manager
