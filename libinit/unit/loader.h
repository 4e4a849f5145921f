// Units from directories of files: search path, masks, links of targets.
#pragma once
#include <string>
#include <vector>

#include "libinit/unit/config.h"
#include "libinit/unit/diagnostic.h"

namespace init::unit {

struct SearchPath {
  std::vector<std::string> directories;  // the first that has a file of a name wins
};

// Of the system, or of the user that calls (by XDG_CONFIG_HOME, XDG_DATA_HOME, HOME).
[[nodiscard]] SearchPath default_search_path(bool user);

struct LoadOptions {
  bool check_ownership = true;  // refuse files that others than root and the caller may have written
  std::string root;             // put before every directory; empty = the real root. Links are not translated
};

struct LoadedSet {
  std::vector<Unit> units;  // sorted by id
  std::vector<Diagnostic> diagnostics;
  std::vector<std::string> masked;      // ids, sorted
  std::vector<std::string> refused;     // ids whose file is broken, sorted
  std::vector<std::string> unreadable;  // directories of which nobody knows what they hold
};

// Every unit that the directories hold. A directory that is missing is empty. One broken file costs its own
// unit only.
[[nodiscard]] LoadedSet load_units(const SearchPath& path, const LoadOptions& options);

}  // namespace init::unit
