// The exec plan of the command (libinit/process/exec_plan.h), written without a heap.
#pragma once
#include <cstddef>
#include <span>

#include "daemon/one_command/identity.h"
#include "daemon/one_command/options.h"

namespace init::one_command {

struct PlanSource {
  std::span<char* const> command;  // not empty
  char* const* environment;        // as environ
  const Options& options;
  const Identity* identity = nullptr;  // nullptr = as initd
  bool controlling_terminal = false;   // with --session
};

// Memory of its own (munmap(2)), empty when there is none. The command gets initd's environment without
// INITD_OPTIONS, changed by --env and --unset, with HOME of the identity; a LISTEN_PID that means initd means
// the command then (sd_listen_fds(3)).
[[nodiscard]] std::span<std::byte> make_plan(const PlanSource& source) noexcept;

}  // namespace init::one_command
