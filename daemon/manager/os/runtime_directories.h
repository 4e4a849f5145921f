// Which unit has which directories below /run, written down in a file per unit below the manager's own
// directory: before they are made, until they are gone. So the last of those who share one takes it away, a
// changed unit file leaves nothing behind, and a manager that died in between has told the next one.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "libinit/base/result.h"

namespace init::manager {

class RuntimeDirectories {
 public:
  // place: "/run/initd/directories"; made when there is something to write. Reads what an earlier manager
  // has left.
  explicit RuntimeDirectories(std::string place);

  // Before they are made: the names, relative to /run. A place that cannot be written to is an error.
  Result<> hold(const std::string& unit, const std::vector<std::string>& names);
  [[nodiscard]] bool holds(const std::string& unit) const { return held_.contains(unit); }
  [[nodiscard]] std::vector<std::string> units() const;

  // Takes away those that no other unit has, or has something below. Gives what could not be removed; it is
  // not tried again.
  std::vector<Error> release(const std::string& unit);

 private:
  [[nodiscard]] bool is_shared(const std::string& unit, std::string_view name) const;

  std::string place_;
  std::map<std::string, std::vector<std::string>> held_;  // by unit
};

}  // namespace init::manager
