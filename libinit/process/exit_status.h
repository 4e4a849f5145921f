// How a process ended: exited(code) or signaled(signal, core dumped). Follows waitid(2): si_code and
// si_status.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace init::process {

struct ExitStatus {
  enum class Kind : std::uint8_t { None = 0, Exited = 1, Signaled = 2, Dumped = 3 };
  Kind kind = Kind::None;
  std::int32_t value = 0;  // the exit code 0..255, or the signal's number

  [[nodiscard]] constexpr bool success() const { return kind == Kind::Exited && value == 0; }
  friend constexpr bool operator==(const ExitStatus&, const ExitStatus&) = default;

  // "exit 3", "exit 127 (command not found)", "signal 11 (SEGV), core dumped"
  [[nodiscard]] std::string text() const;
  // {"kind":"exited","code":3}, {"kind":"signaled","signal":11,"name":"SEGV","core_dumped":true},
  // {"kind":"none"}
  [[nodiscard]] std::string json() const;
};

// "TERM" for 15, "RTMIN+3" for 37; the number itself for what has no name.
[[nodiscard]] std::string signal_name(int signal);

// "TERM", "SIGTERM", "15", "RTMIN+3", "RTMAX-1", as in signal(7); 0 = no such signal.
[[nodiscard]] int parse_signal(std::string_view name);

}  // namespace init::process
