#include "libinit/base/time.h"

#include <ctime>

namespace init {
namespace {

Duration read_clock(clockid_t clock) noexcept {
  timespec now{};
  clock_gettime(clock, &now);  // cannot fail for these clocks
  return std::chrono::seconds(now.tv_sec) + Duration(now.tv_nsec);
}

}  // namespace

MonotonicTime monotonic_now() noexcept {
  return {read_clock(CLOCK_MONOTONIC)};
}
BootTime boot_now() noexcept {
  return {read_clock(CLOCK_BOOTTIME)};
}
WallTime wall_now() noexcept {
  return {read_clock(CLOCK_REALTIME)};
}

}  // namespace init
