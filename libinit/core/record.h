// What of a unit must outlive the manager: fixed size, trivially copyable, versioned by size. The engine
// writes it, the manager's intents keep it, recovery reads it. Names are kept beside it as a 64-bit tag
// (fnv1a64 of the unit id).
#pragma once
#include <cstdint>
#include <type_traits>

#include "libinit/core/action.h"

namespace init::core {

struct UnitRecord {
  std::uint64_t tag = 0;
  std::int64_t since_ns = 0;           // MonotonicTime of entering the state
  std::int64_t phase_deadline_ns = 0;  // timers that were armed; 0 = none
  std::int64_t restart_deadline_ns = 0;
  std::int64_t started_ns = 0;  // when the current or last main process began to run
  std::int64_t window_ns = 0;   // restart-limit: begin of the interval
  std::uint32_t attempt = 0;
  std::uint32_t phase_serial = 0;
  std::uint32_t restart_serial = 0;
  std::uint32_t restarts = 0;  // since the admin last started it
  std::uint32_t backoff = 0;   // consecutive quick failures
  std::uint32_t window_count = 0;
  std::uint32_t admin_uid = 0;
  std::int32_t exit_value = 0;
  std::int32_t error = 0;  // errno of a failed spawn
  std::uint16_t error_step = 0;
  std::uint16_t step = 0;   // of command or pre-start
  std::uint8_t state = 0;   // the machine's private state
  std::uint8_t wanted = 0;  // bits: by admin, by boot; stopped by admin
  std::uint8_t result = 0;  // why it failed
  std::uint8_t exit_kind = 0;
  std::uint8_t stop_step = 0;
  std::uint8_t flags = 0;
  std::uint8_t reserved[6] = {};
};
static_assert(std::is_trivially_copyable_v<UnitRecord> && sizeof(UnitRecord) <= 128);

}  // namespace init::core
