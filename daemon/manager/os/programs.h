// The programs that initd is made of, as they lie on disk: looked for beside the manager that runs.
#pragma once
#include <string>

#include "libinit/base/result.h"
#include "libinit/base/unique_fd.h"

namespace init::manager {

struct Programs {
  std::string initd, manager;  // paths
};

// Errors: ENOENT for what is not there.
[[nodiscard]] Result<Programs> find_programs();

// May block: reads initd and has both programs tell their layout. The bytes of initd. Errors: of open(2) and
// exec; EPROTO where they could not take over from what runs.
[[nodiscard]] Result<std::string> read_successor(const Programs& programs);

// A sealed memfd of these bytes that can be executed.
[[nodiscard]] Result<UniqueFd> executable_memfd(std::string_view bytes);

}  // namespace init::manager
