// parse_signal() alone: PID 1 links it, and no strings.
#include <charconv>
#include <csignal>
#include <cstring>

#include "libinit/process/exit_status.h"

namespace init::process {
namespace {

struct Alias {
  std::string_view name;
  int signal;
};
// Second names of signal(7) that sigabbrev_np(3) does not give.
constexpr Alias kAliases[] = {{"IOT", SIGABRT}, {"CLD", SIGCHLD}, {"IO", SIGIO}};

constexpr int kLastClassicSignal = 31;

// Decimal digits alone; -1 for anything else.
int parse_number(std::string_view text) {
  int value = 0;
  const char* const end = text.data() + text.size();
  if (text.empty() || text.front() == '-') return -1;
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && stop == end ? value : -1;
}

// "RTMIN", "RTMIN+n", "RTMAX", "RTMAX-n"; 0 for anything else.
int parse_realtime(std::string_view name) {
  const bool from_end = name.starts_with("RTMAX");
  if (!from_end && !name.starts_with("RTMIN")) return 0;
  name.remove_prefix(5);
  int offset = 0;
  if (!name.empty()) {
    offset = name.front() == (from_end ? '-' : '+') ? parse_number(name.substr(1)) : -1;
    if (offset < 0 || offset > SIGRTMAX - SIGRTMIN) return 0;
  }
  return from_end ? SIGRTMAX - offset : SIGRTMIN + offset;
}

}  // namespace

int parse_signal(std::string_view name) {
  if (const int number = parse_number(name); number >= 0) return number <= SIGRTMAX ? number : 0;
  if (name.starts_with("SIG")) name.remove_prefix(3);
  for (int signal = 1; signal <= kLastClassicSignal; ++signal) {
    if (const char* const known = ::sigabbrev_np(signal); known != nullptr && name == known) return signal;
  }
  for (const Alias& alias : kAliases) {
    if (name == alias.name) return alias.signal;
  }
  return parse_realtime(name);
}

}  // namespace init::process
