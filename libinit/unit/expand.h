// Variables in commands. There is no shell: only these three forms mean something, everything else stays as
// it is.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libinit/base/result.h"
#include "libinit/unit/config.h"

namespace init::unit {

using Lookup = std::function<std::optional<std::string>(std::string_view name)>;

// The words of a step. `$NAME` alone as a word becomes the words of its value, split at blanks: none when it
// is empty;
// `${NAME}` anywhere in a word is put in as it is; `$$` is `$`. A variable that is not set is empty.
// Errors: E2BIG when the words are larger than 2 MiB together.
[[nodiscard]] Result<std::vector<std::string>> expand_argv(const Step& step, const Lookup& lookup);

}  // namespace init::unit
