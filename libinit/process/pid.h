// Pid: the number of a process as a type. It names one process: 0 ("my group") and negative numbers ("that
// group", "all") of kill(2) and waitpid(2) are no Pids, so that a conversion gone wrong can never reach
// others.
#pragma once
#include <sys/types.h>

#include <compare>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "libinit/base/result.h"

namespace init::process {

class Pid {
 public:
  // Linux gives no higher one on any machine: PID_MAX_LIMIT, proc_sys_kernel(5).
  static constexpr pid_t kLargest = 4'194'304;

  // Of any integer type, signed or not: 1 to kLargest. Errors: ERANGE.
  template <std::integral Integer>
  requires(!std::same_as<Integer, bool>) [[nodiscard]] static Result<Pid> from(Integer value) {
    if (std::cmp_less(value, 1) || std::cmp_greater(value, kLargest))
      return out_of_range(std::to_string(value));
    return Pid(static_cast<pid_t>(value));
  }
  // Decimal digits and nothing else: no sign, no space, no leading zero. Errors: EINVAL, ERANGE.
  [[nodiscard]] static Result<Pid> parse(std::string_view text);

  // getpid(2), getppid(2). No parent: it lives outside of this PID namespace.
  [[nodiscard]] static Pid self() noexcept;
  [[nodiscard]] static std::optional<Pid> parent() noexcept;

  // For system calls.
  [[nodiscard]] constexpr pid_t raw() const { return value_; }
  [[nodiscard]] std::string text() const { return std::to_string(value_); }

  friend constexpr auto operator<=>(Pid, Pid) = default;

 private:
  constexpr explicit Pid(pid_t value) : value_(value) {}
  static Failure out_of_range(std::string value);

  pid_t value_;
};

}  // namespace init::process
