#include "libinit/process/pid.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

namespace init::process {

Failure Pid::out_of_range(std::string value) {
  return failure(ERANGE, "pid", std::move(value));
}

Result<Pid> Pid::parse(std::string_view text) {
  const bool digits = std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits || text.empty() || text.front() == '0') return failure(EINVAL, "pid", std::string(text));
  pid_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return out_of_range(std::string(text));
  return from(value);
}

Pid Pid::self() noexcept {
  return Pid(getpid());
}

std::optional<Pid> Pid::parent() noexcept {
  const pid_t parent = getppid();
  return parent > 0 ? std::optional(Pid(parent)) : std::nullopt;
}

}  // namespace init::process
