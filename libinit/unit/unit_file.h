// One file: read safely, parsed, held against the key table, and checked as a whole.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libinit/unit/config.h"
#include "libinit/unit/diagnostic.h"
#include "libinit/unit/system_config.h"

namespace init::unit {

enum class FileState : std::uint8_t { Good, Missing, Masked, Refused };

struct SourceFile {
  FileState state = FileState::Refused;
  std::string text;     // Good
  std::string problem;  // Refused: why, in words
  std::string help;
};

// A whole file, as it was at one moment: name below the directory fd (AT_FDCWD for a path). Never blocks and
// never opens what is not a regular file. Masked: empty, or a link to /dev/null. check_ownership refuses what
// others than root and the caller could have written.
[[nodiscard]] SourceFile read_source(int directory, const char* name, bool check_ownership);

// The unit that text says, or nothing after its errors were added to diagnostics. id is a valid unit name.
[[nodiscard]] std::optional<Unit> parse_unit(const std::string& id, const std::string& path,
                                             std::string_view text, std::vector<Diagnostic>& diagnostics);

// The same for initd.toml: what is wrong keeps its default.
[[nodiscard]] SystemConfig parse_system_config(const std::string& path, std::string_view text,
                                               std::vector<Diagnostic>& diagnostics);

}  // namespace init::unit
