// The small languages inside strings: durations, signals, modes, identities. Pure; nothing is guessed or
// rounded.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "libinit/base/names.h"
#include "libinit/base/time.h"

namespace init::unit {

// "5s", "1min 30s", "0.5s", "infinity" (kInfinity). Units: ns us ms s min h d w and their long forms. A
// number without a unit, a sign, or more than 292 years is nothing.
[[nodiscard]] std::optional<Duration> parse_duration(std::string_view text);

// "TERM", "SIGTERM", "RTMIN+3": the number on Linux x86-64 and arm64 (signal(7)).
[[nodiscard]] std::optional<std::int32_t> parse_signal(std::string_view text);

// "64M", "512": bytes; K M G T are powers of 1024. Nothing when it does not fit 63 bits.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);

// Three or four octal digits, "0640" or "640".
[[nodiscard]] std::optional<std::uint16_t> parse_mode(std::string_view text);

// Absolute, no "." or ".." part, no control character, shorter than PATH_MAX.
[[nodiscard]] bool valid_path(std::string_view text);

// No control character but tab: one line of text.
[[nodiscard]] bool one_line(std::string_view text);

}  // namespace init::unit
