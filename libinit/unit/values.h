// The small languages inside strings: signals, sizes, modes (durations: libinit/base). Pure; nothing is
// guessed or rounded.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "libinit/base/duration.h"
#include "libinit/base/names.h"

namespace init::unit {

// "TERM", "SIGTERM", "RTMIN+3": the number on Linux x86-64 and arm64 (signal(7)).
[[nodiscard]] std::optional<std::int32_t> parse_signal(std::string_view text);

// "64M", "512": bytes; K M G T are powers of 1024. Nothing when it does not fit 63 bits.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);

// Three or four octal digits, "0640" or "640".
[[nodiscard]] std::optional<std::uint16_t> parse_mode(std::string_view text);

// Where a probe goes: "127.0.0.1:80", "[::1]:80", "localhost:80". No other names: a probe never asks a name
// server.
struct Endpoint {
  std::string address;  // "127.0.0.1", "::1"; localhost is 127.0.0.1
  std::uint16_t port = 0;
};
[[nodiscard]] std::optional<Endpoint> parse_endpoint(std::string_view text);

// "http://HOST[:PORT][/PATH]"
struct HttpUrl {
  Endpoint endpoint;
  std::string host;  // as it was written, for the Host header
  std::string path;  // "/" when there is none
};
[[nodiscard]] std::optional<HttpUrl> parse_http_url(std::string_view text);

// Absolute, no "." or ".." part, no control character, shorter than PATH_MAX.
[[nodiscard]] bool valid_path(std::string_view text);

// No control character but tab: one line of text.
[[nodiscard]] bool one_line(std::string_view text);

}  // namespace init::unit
