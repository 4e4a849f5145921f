#include "libinit/process/exit_status.h"

#include <csignal>
#include <cstring>

namespace init::process {
namespace {

constexpr int kLastClassicSignal = 31;

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

}  // namespace init::process
