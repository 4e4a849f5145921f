#include "libinit/unit/values.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

namespace init::unit {
namespace {

constexpr std::size_t kMaximumPath = 4096;  // PATH_MAX, with the NUL

// Indexed by signal number.
constexpr std::array<std::string_view, 32> kSignals = {
    "",     "HUP",  "INT",  "QUIT", "ILL",    "TRAP",   "ABRT",  "BUS",  "FPE",  "KILL", "USR1",
    "SEGV", "USR2", "PIPE", "ALRM", "TERM",   "STKFLT", "CHLD",  "CONT", "STOP", "TSTP", "TTIN",
    "TTOU", "URG",  "XCPU", "XFSZ", "VTALRM", "PROF",   "WINCH", "IO",   "PWR",  "SYS"};
constexpr std::int32_t kFirstRealtime = 34, kLastRealtime = 64;  // as glibc numbers SIGRTMIN and SIGRTMAX

std::optional<std::int32_t> realtime_signal(std::string_view text) {
  const bool from_end = text.starts_with("RTMAX");
  if (!from_end && !text.starts_with("RTMIN")) return std::nullopt;
  text.remove_prefix(5);
  std::uint64_t offset = 0;
  if (!text.empty()) {
    if (text.front() != (from_end ? '-' : '+')) return std::nullopt;
    const auto parsed = parse_decimal(text.substr(1), kLastRealtime - kFirstRealtime);
    if (!parsed) return std::nullopt;
    offset = *parsed;
  }
  const auto distance = static_cast<std::int32_t>(offset);
  return from_end ? kLastRealtime - distance : kFirstRealtime + distance;
}

}  // namespace

std::optional<std::int32_t> parse_signal(std::string_view text) {
  if (text.starts_with("SIG")) text.remove_prefix(3);
  const auto found = std::find(kSignals.begin() + 1, kSignals.end(), text);
  if (found != kSignals.end()) return static_cast<std::int32_t>(found - kSignals.begin());
  return realtime_signal(text);
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  constexpr std::string_view kSuffixes = "KMGT";
  constexpr std::uint64_t kMost = ~std::uint64_t{0} >> 1U;
  std::size_t shift = 0;
  if (!text.empty() && kSuffixes.find(text.back()) != std::string_view::npos) {
    shift = 10 * (kSuffixes.find(text.back()) + 1);
    text.remove_suffix(1);
  }
  const auto number = parse_decimal(text, kMost >> shift);
  if (!number) return std::nullopt;
  return *number << shift;
}

std::optional<std::uint16_t> parse_mode(std::string_view text) {
  if (text.size() < 3 || text.size() > 4) return std::nullopt;
  std::uint16_t mode = 0;
  for (const char c : text) {
    if (c < '0' || c > '7') return std::nullopt;
    mode = static_cast<std::uint16_t>(mode * 8 + (c - '0'));
  }
  return mode;
}

bool valid_path(std::string_view text) {
  if (!text.starts_with('/') || text.size() >= kMaximumPath || !one_line(text)) return false;
  while (!text.empty()) {
    text.remove_prefix(1);
    const std::string_view part = text.substr(0, text.find('/'));
    if (part == "." || part == "..") return false;
    text.remove_prefix(part.size());
  }
  return true;
}

bool one_line(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == '\x7f';
  });
}

std::optional<Endpoint> parse_endpoint(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const auto port = parse_decimal(text.substr(colon + 1), 0xffff);
  if (!port || *port == 0) return std::nullopt;
  if (host == "localhost") host = "127.0.0.1";
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  const std::string address(bracketed ? host.substr(1, host.size() - 2) : host);
  in6_addr binary{};
  if (inet_pton(bracketed ? AF_INET6 : AF_INET, address.c_str(), &binary) != 1) return std::nullopt;
  return Endpoint{address, static_cast<std::uint16_t>(*port)};
}

std::optional<HttpUrl> parse_http_url(std::string_view text) {
  constexpr std::string_view kScheme = "http://";
  if (!text.starts_with(kScheme)) return std::nullopt;
  const bool printable = std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 127; });
  if (!printable || text.size() > 2048) return std::nullopt;
  text.remove_prefix(kScheme.size());
  HttpUrl url;
  url.host = text.substr(0, text.find('/'));
  url.path = text.size() > url.host.size() ? text.substr(url.host.size()) : "/";
  const bool has_port = url.host.rfind(':') != std::string::npos && url.host.back() != ']';
  const auto endpoint = parse_endpoint(has_port ? url.host : url.host + ":80");
  if (!endpoint) return std::nullopt;
  url.endpoint = *endpoint;
  return url;
}

}  // namespace init::unit
