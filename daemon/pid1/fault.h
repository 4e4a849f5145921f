// A fault in PID 1 must not be its end: the handler executes the sealed copy of initd anew, which adopts
// facts, store and channel by the numbers it is told. SIGTERM on a machine goes the same way, on purpose. The
// ladder: a fault inside the handler, or the third within a minute, reboots a machine and ends a container
// with 70.
#pragma once
#include <cstddef>
#include <cstdint>

#include "daemon/channel/facts.h"

namespace init::pid1 {

// What the next self must know beyond the facts. Written as numbers after --resume, in this order.
struct Resume {
  std::int64_t facts = -1;
  std::int64_t facts_for_reading = -1;
  std::int64_t socket = -1;
  std::int64_t doorbell = -1;
  std::int64_t program = -1;  // of the manager
  std::int64_t self = -1;     // initd's own sealed copy
  std::int64_t manager_pid = 0;
  std::int64_t file_limit = 0;    // the soft limit before initd raised it
  std::int64_t window_start = 0;  // of the faults that are counted, CLOCK_MONOTONIC in ns
  std::int64_t faults = 0;        // in that window
  std::int64_t lost_packet = 0;   // a request was in hand: the manager must say it again
};
inline constexpr std::size_t kResumeNumbers = sizeof(Resume) / sizeof(std::int64_t);

// False: not the text that an earlier self wrote.
[[nodiscard]] bool parse_resume(const char* text, Resume& resume) noexcept;

// What execute_anew() will use, kept on a write-protected page; called again whenever a number changes.
void set_resume(const Resume& resume) noexcept;
[[nodiscard]] const Resume& current_resume() noexcept;
// argv is initd's own, environment as main got it; the facts are read at the time of the fault.
void arm_fault_handlers(char* const* argv, const std::byte* facts, channel::Environment where) noexcept;
// Set while requests are taken from the channel.
void packet_in_hand(bool yes) noexcept;

// Returns only when the exec fails.
void execute_anew(bool after_fault) noexcept;

}  // namespace init::pid1
