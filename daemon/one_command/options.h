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

// NAME of NAME=VALUE.
[[nodiscard]] constexpr std::string_view name_of(std::string_view variable) noexcept {
  return variable.substr(0, variable.find('='));
}

// What becomes of the environment: NAME=VALUE sets, NAME alone removes; no name twice.
class Changes {
 public:
  [[nodiscard]] bool concern(std::string_view name) const noexcept;
  // The last word about a variable is the one that counts.
  void add(const char* change) noexcept;
  [[nodiscard]] std::span<const char* const> all() const noexcept { return {changes_.data(), count_}; }

 private:
  std::array<const char*, kMaxVariables + 3> changes_{"INITD_OPTIONS"};  // room for HOME and LISTEN_PID
  std::size_t count_ = 1;
};

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
  const char* user = nullptr;  // USER[:GROUP]
  Changes changes;
};

// Why a word was refused; no option = none was. value is nullptr where the option itself is wrong.
struct Complaint {
  const char* option = nullptr;
  const char* value = nullptr;
  const char* why = nullptr;
  const char* needs = "";  // goes on from `why`
};

// Takes all words, `--name VALUE` or `--name=VALUE`. Stops at the first that is wrong.
[[nodiscard]] Complaint take_options(std::span<char* const> words, Options& options) noexcept;

void print_usage(int fd) noexcept;

}  // namespace init::one_command
