// Files of NAME=value lines, in the syntax that services already have them in (systemd.exec(5),
// EnvironmentFile=).
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "libinit/base/result.h"

namespace init {

using Variables = std::vector<std::pair<std::string, std::string>>;

// In the order of the file; later ones of a name are meant to win. Lines that begin with '#' or ';' are
// comments; what is no assignment to a valid name is left out. A value is any row of parts: bare ('\' takes
// the next character as it is, or joins the next line), 'as it is', "with \" \\ \` \$ and \-newline". Blanks
// around a value do not belong to it.
[[nodiscard]] Variables parse_environment(std::string_view text);

// Errors: open(2), read(2); EINVAL when it is not a regular file or contains a NUL, EFBIG above 256 KiB.
[[nodiscard]] Result<Variables> read_environment_file(const std::string& path);

}  // namespace init
