// A terminal is put right before a service gets it ([tty]).
#pragma once
#include "libinit/base/result.h"
#include "libinit/unit/config.h"

namespace init::manager {

// hangup, reset and disallocate, as wanted. Errors: object = the path; ENOTTY for what is no terminal.
Result<> prepare_terminal(const unit::Terminal& tty);

}  // namespace init::manager
