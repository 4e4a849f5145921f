// The text behind units' places, read again for those few lines that a message shows.
#pragma once
#include <map>
#include <string>
#include <string_view>

#include "libinit/unit/config.h"
#include "libinit/unit/diagnostic.h"

namespace init::unit {

class SourceLines {
 public:
  // Empty when the file cannot be read any more.
  [[nodiscard]] const std::string& text(const std::string& path);

  // The line, with the place of `token` in it at or after the given column when it is there.
  void show(Diagnostic& diagnostic, const Unit& unit, const Location& where, std::string_view token);

  // Where a key of a table is set; line 0 when it is not.
  [[nodiscard]] Location find_key(const Unit& unit, std::string_view table, std::string_view key);

 private:
  std::map<std::string, std::string, std::less<>> texts_;
};

}  // namespace init::unit
