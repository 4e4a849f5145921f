// The words that enumerations are written as, in JSON and on the screen.
#pragma once
#include <array>
#include <optional>
#include <string_view>

#include "libinit/api/types.h"

namespace init::api {

template <class Enum>
struct Names;

template <>
struct Names<State> {
  static constexpr std::array<std::string_view, 6> kAll{"inactive",  "activating",   "active",
                                                        "reloading", "deactivating", "failed"};
};
template <>
struct Names<Outcome> {
  static constexpr std::array<std::string_view, 8> kAll{"done",    "failed",  "blocked",   "canceled",
                                                        "refused", "skipped", "timed_out", "running"};
};
template <>
struct Names<Whom> {
  static constexpr std::array<std::string_view, 2> kAll{"main", "all"};
};
template <>
struct Names<Verb> {
  static constexpr std::array<std::string_view, 5> kAll{"start", "stop", "restart", "try_restart", "reload"};
};
template <>
struct Names<PowerKind> {
  static constexpr std::array<std::string_view, 4> kAll{"exit", "poweroff", "reboot", "halt"};
};
template <>
struct Names<Severity> {
  static constexpr std::array<std::string_view, 2> kAll{"error", "warning"};
};

template <class Enum>
concept Named = requires {
  Names<Enum>::kAll;
};

template <Named Enum>
[[nodiscard]] constexpr std::string_view name_of(Enum value) {
  return Names<Enum>::kAll[static_cast<std::size_t>(value)];
}

template <Named Enum>
[[nodiscard]] constexpr std::optional<Enum> by_name(std::string_view name) {
  for (std::size_t i = 0; i < Names<Enum>::kAll.size(); ++i) {
    if (Names<Enum>::kAll[i] == name) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

}  // namespace init::api
