#include "libinit/process/exit_status.h"

#include <charconv>
#include <csignal>
#include <cstring>

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

std::string exit_text(int code) {
  std::string text = "exit " + std::to_string(code);
  if (code == 126) text += " (command cannot be run)";
  if (code == 127) text += " (command not found)";
  return text;
}

std::string signal_text(int signal) {
  std::string text = "signal " + std::to_string(signal);
  const std::string name = signal_name(signal);
  if (name != std::to_string(signal)) text += " (" + name + ")";
  return text;
}

}  // namespace

std::string ExitStatus::text() const {
  switch (kind) {
    case Kind::None:
      return "not ended";
    case Kind::Exited:
      return exit_text(value);
    case Kind::Signaled:
      return signal_text(value);
    case Kind::Dumped:
      return signal_text(value) + ", core dumped";
  }
  return "unknown end";
}

std::string ExitStatus::json() const {
  if (kind == Kind::None) return R"({"kind":"none"})";
  const std::string number = std::to_string(value);
  if (kind == Kind::Exited) return R"({"kind":"exited","code":)" + number + "}";
  return R"({"kind":"signaled","signal":)" + number + R"(,"name":")" + signal_name(value) +
         R"(","core_dumped":)" + (kind == Kind::Dumped ? "true}" : "false}");
}

std::string signal_name(int signal) {
  if (signal == SIGRTMIN) return "RTMIN";
  if (signal > SIGRTMIN && signal <= SIGRTMAX) return "RTMIN+" + std::to_string(signal - SIGRTMIN);
  if (signal < 1 || signal > kLastClassicSignal) return std::to_string(signal);
  const char* const name = ::sigabbrev_np(signal);
  return name != nullptr ? name : std::to_string(signal);
}

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
