// The units in force: compiled into a sealed generation that PID 1 keeps, and the graph made of it. The disk
// is read at boot and on reload only.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/manager/app/options.h"
#include "libinit/api/types.h"
#include "libinit/base/result.h"
#include "libinit/core/graph.h"
#include "libinit/unit/config.h"
#include "libinit/unit/diagnostic.h"
#include "libinit/unit/generation.h"
#include "libinit/unit/system_config.h"

namespace init::manager {

// Which units a manager that may not see to all of them leaves alone.
struct Restriction {
  std::set<std::uint64_t> refused;  // tags
  bool essential_only = false;      // and what those require
};

struct Configuration {
  unit::Generation generation;  // without what is set aside
  unit::Generation whole;
  unit::SystemConfig system;
  std::shared_ptr<const core::Graph> graph;  // index i is unit i of the generation, for i < generation.size()
  std::multimap<std::string, core::UnitIndex> bus_names;
  std::set<std::string, std::less<>> readers;  // units that others name by "unit:NAME"
  std::set<std::string, std::less<>> logins;   // units with a utmp-id
  std::map<std::uint64_t, std::string> aside;  // ids by tag
  bool is_new = false;                         // of the unit files as they are now: not kept yet

  // Takes the fd. Errors: those of Generation::open.
  static Result<Configuration> open(UniqueFd generation, const Restriction& restriction);
  // Empty for a unit that no file defines (any more).
  [[nodiscard]] std::optional<unit::Unit> unit(core::UnitIndex index) const;
};

struct Reading {
  std::vector<unit::Unit> units;  // sorted by id
  unit::SystemConfig system;
  std::vector<unit::Diagnostic> diagnostics;
};

// Reads the unit files. A unit whose file is broken keeps its definition of last_good (may be null), and says
// so.
[[nodiscard]] Reading read_units(const Options& options, const unit::Generation* last_good);

// Into an empty memfd, which is then sealed as unit::Generation::open wants it.
[[nodiscard]] Result<> copy_generation(int from, int memfd);

// The last generation that was compiled, kept in the state directory over reboots. Absent or damaged: empty,
// that is all.
[[nodiscard]] std::optional<unit::Generation> saved_generation(const Options& options);
// Best effort: a machine without a writable state directory boots all the same.
Result<> save_generation(const Options& options, int generation_fd);

// What a reload from before to after does, without diagnostics.
[[nodiscard]] api::DaemonReloadReply compare(const Configuration& before, const Configuration& after);

}  // namespace init::manager
