// Readiness by a line on a descriptor (ready-fd), as s6 and dinit have it. What is read is looked at first
// and stays until it is written down.
#pragma once
#include "libinit/base/result.h"
#include "libinit/base/unique_fd.h"

namespace init::manager {

struct ReadyPipe {
  UniqueFd read;   // ours, never blocks
  UniqueFd write;  // the service's
  // Errors: those of pipe2(2).
  static Result<ReadyPipe> create();
};

enum class Heard { Nothing, Line, Closed };

// What a pipe's reader has: a line feed among the bytes that wait, or its end without one. Takes nothing away
// that could be, or hold, the line.
[[nodiscard]] Heard listen_for_line(int read_end);

}  // namespace init::manager
