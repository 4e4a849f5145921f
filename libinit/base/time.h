// Points in time as types, so that clocks cannot be mixed. Durations are std::chrono.
// Monotonic: CLOCK_MONOTONIC, for timeouts (a suspended machine does not use them up); survives a restart of
// a process, not of the machine. Boot: CLOCK_BOOTTIME, runs on in suspend. Wall: CLOCK_REALTIME, for people
// only.
#pragma once
#include <chrono>
#include <compare>
#include <cstdint>

namespace init {

using Duration = std::chrono::nanoseconds;
inline constexpr Duration kInfinity = Duration::max();

template <class Tag>
struct TimePoint {
  Duration since_epoch{0};

  friend constexpr auto operator<=>(const TimePoint&, const TimePoint&) = default;
  // Saturates: adding kInfinity, or anything past the end, gives never().
  friend constexpr TimePoint operator+(TimePoint time, Duration by) {
    if (by > Duration::zero() && time.since_epoch > kInfinity - by) return never();
    return {time.since_epoch + by};
  }
  friend constexpr Duration operator-(TimePoint a, TimePoint b) { return a.since_epoch - b.since_epoch; }
  static constexpr TimePoint never() { return {kInfinity}; }
};

using MonotonicTime = TimePoint<struct MonotonicTag>;
using BootTime = TimePoint<struct BootTag>;
using WallTime = TimePoint<struct WallTag>;

[[nodiscard]] MonotonicTime monotonic_now() noexcept;
[[nodiscard]] BootTime boot_now() noexcept;
[[nodiscard]] WallTime wall_now() noexcept;

}  // namespace init
