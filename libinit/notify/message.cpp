#include "libinit/notify/message.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "libinit/base/utf8.h"

namespace init::notify {
namespace {

// The whole text as a decimal number from 0 to most.
std::optional<std::uint64_t> number(std::string_view text, std::uint64_t most) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stopped != end || value > most) return std::nullopt;
  return value;
}

constexpr std::uint64_t kMaxUsec = std::numeric_limits<std::int64_t>::max() / 1000;

template <class T>
void set_usec(std::string_view value, std::optional<T>& to) {
  if (const auto usec = number(value, kMaxUsec))
    to = T{std::chrono::microseconds(static_cast<std::int64_t>(*usec))};
}

void set_number(std::string_view value, std::int32_t least, std::optional<std::int32_t>& to) {
  const auto found = number(value, std::numeric_limits<std::int32_t>::max());
  if (found && static_cast<std::int32_t>(*found) >= least) to = static_cast<std::int32_t>(*found);
}

void set_watchdog(std::string_view value, Message& message) {
  if (value == "1") message.watchdog = Watchdog::Alive;
  if (value == "trigger") message.watchdog = Watchdog::Trigger;
}

void set_phase(std::string_view value, Phase phase, Message& message) {
  if (value == "1") message.phase = phase;
}

void set_bus_owner(std::string_view value, Message& message) {
  const std::size_t blank = value.find(' ');
  if (blank == std::string_view::npos || blank > kMaxBusName) return;
  const auto pid = number(value.substr(blank + 1), std::numeric_limits<std::int32_t>::max());
  if (pid) message.bus_owner = {std::string(value.substr(0, blank)), static_cast<std::int32_t>(*pid)};
}

struct Word {
  std::string_view name;
  void (*set)(std::string_view value, Message& message);
};

constexpr Word kWords[] = {
    {"READY", [](std::string_view value, Message& to) { set_phase(value, Phase::Ready, to); }},
    {"RELOADING", [](std::string_view value, Message& to) { set_phase(value, Phase::Reloading, to); }},
    {"STOPPING", [](std::string_view value, Message& to) { set_phase(value, Phase::Stopping, to); }},
    {"MONOTONIC_USEC", [](std::string_view value, Message& to) { set_usec(value, to.reload_began); }},
    {"STATUS", [](std::string_view value, Message& to) { to.status = printable(value, kMaxStatus); }},
    {"ERRNO", [](std::string_view value, Message& to) { set_number(value, 0, to.error); }},
    {"BUSERROR", [](std::string_view value, Message& to) { to.bus_error = printable(value, kMaxBusName); }},
    {"MAINPID", [](std::string_view value, Message& to) { set_number(value, 2, to.main_pid); }},
    {"WATCHDOG", set_watchdog},
    {"WATCHDOG_USEC", [](std::string_view value, Message& to) { set_usec(value, to.watchdog_interval); }},
    {"EXTEND_TIMEOUT_USEC", [](std::string_view value, Message& to) { set_usec(value, to.extend_timeout); }},
    {"FDSTORE", [](std::string_view value, Message& to) { to.store = value == "1"; }},
    {"FDSTOREREMOVE", [](std::string_view value, Message& to) { to.remove = value == "1"; }},
    {"FDNAME",
     [](std::string_view value, Message& to) {
       if (is_fd_name(value)) to.fd_name = value;
     }},
    {"FDPOLL", [](std::string_view value, Message& to) { to.poll = value != "0"; }},
    {"X_INITD_BUS_OWNER", set_bus_owner},
    {"BARRIER", [](std::string_view value, Message& to) { to.barrier = value == "1"; }},
};

void take_line(std::string_view line, Message& message) {
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos) return;
  const std::string_view name = line.substr(0, equals);
  const auto* word = std::find_if(std::begin(kWords), std::end(kWords),
                                  [name](const Word& one) { return one.name == name; });
  if (word != std::end(kWords)) word->set(line.substr(equals + 1), message);
}

}  // namespace

std::optional<Message> parse(std::string_view datagram) {
  if (datagram.ends_with('\0')) datagram.remove_suffix(1);
  if (datagram.empty() || datagram.size() > kMaxDatagram) return std::nullopt;
  if (datagram.find('\0') != std::string_view::npos) return std::nullopt;
  Message message;
  while (!datagram.empty()) {
    const std::size_t end = std::min(datagram.find('\n'), datagram.size());
    take_line(datagram.substr(0, end), message);
    datagram.remove_prefix(std::min(end + 1, datagram.size()));
  }
  return message;
}

std::string printable(std::string_view text, std::size_t most) {
  std::string out;
  while (!text.empty()) {
    const Character next = first_character(text);
    const bool shown = next.valid && is_harmless(next.code);
    if (out.size() + (shown ? next.bytes : 1U) > most) break;
    shown ? void(out.append(text.substr(0, next.bytes))) : out.push_back('?');
    text.remove_prefix(next.bytes);
  }
  return out;
}

bool is_fd_name(std::string_view name) noexcept {
  const auto fits = [](char c) { return c >= 0x20 && c < 0x7f && c != ':'; };
  return !name.empty() && name.size() <= kMaxFdName && std::all_of(name.begin(), name.end(), fits);
}

}  // namespace init::notify
