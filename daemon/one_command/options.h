// The words before the `--` of `initd [OPTION]... -- COMMAND [ARGUMENT]...`.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "libinit/base/time.h"

namespace init::one_command {

inline constexpr std::size_t kSignalCount = 65;  // 1..64, as the kernel has them
inline constexpr std::size_t kMaxVariables = 128;

// Nothing in it is owned: the strings are those of argv and of the environment, which stay.
struct Options {
  Options() noexcept;

  bool group = false;
  bool session = false;
  bool pause = false;
  bool wait_all = false;
  bool verbose = false;
  std::array<std::uint8_t, kSignalCount> passed_as{};  // what is sent where a signal comes; 0 = nothing
  std::array<std::uint8_t, 256> ends_as{};             // the code to end with, by the code of the command
  int parent_death = 0;                                // a signal; 0 = none
  Duration grace{0};                                   // before TERM is passed on
  Duration kill_after{0};                              // 0 = never
  Duration wait_limit = std::chrono::seconds(10);      // of wait_all
  const char* directory = nullptr;
  const char* user = nullptr;                          // USER[:GROUP]
  std::array<const char*, kMaxVariables> variables{};  // NAME=VALUE sets, NAME alone removes; no name twice
  std::size_t variable_count = 0;
};

// NAME of NAME=VALUE.
[[nodiscard]] constexpr std::string_view name_of(std::string_view variable) noexcept {
  return variable.substr(0, variable.find('='));
}

// Why a word was refused; an empty `why` = it was not. value is nullptr where the option itself is wrong.
struct Complaint {
  const char* option = nullptr;
  const char* value = nullptr;
  const char* why = nullptr;
};

// Takes all words, `--name VALUE` or `--name=VALUE`. Stops at the first that is wrong.
[[nodiscard]] Complaint take_options(std::span<char* const> words, Options& options) noexcept;

}  // namespace init::one_command
