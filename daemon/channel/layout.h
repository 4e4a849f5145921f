// What PID 1 and its successor, and each of them and the manager, must have in common. Asked before an
// upgrade.
#pragma once
#include <stdio.h>

#include "daemon/channel/facts.h"
#include "daemon/channel/messages.h"

namespace init::channel {

inline constexpr const char* kLayoutOption = "--layout";
inline constexpr const char* kLayoutFormat = "facts %u channel %u\n";

// Of this program, to standard output. The exit code.
inline int print_layout() noexcept {
  return dprintf(1, kLayoutFormat, kFactsVersion, unsigned{kChannelVersion}) > 0 ? 0 : 1;
}

}  // namespace init::channel
