// argv to a Request, by the tables in verbs.h.
#pragma once
#include <span>

#include "ctl/verbs.h"
#include "libinit/base/result.h"

namespace init::ctl {

struct Invocation {
  const VerbInfo* verb = nullptr;
  Request request;
};

// words: argv without argv[0]. No verb means "status" of the system. Errors: EINVAL, object is the whole
// message, hint the next step.
[[nodiscard]] Result<Invocation> parse_command_line(std::span<const char* const> words);

}  // namespace init::ctl
