// Helpers of this folder: units from text.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libinit/unit/unit_file.h"

namespace init::unit {

struct Parsed {
  std::optional<Unit> unit;
  std::vector<Diagnostic> diagnostics;

  [[nodiscard]] std::string text() const {
    std::string out;
    for (const Diagnostic& diagnostic : diagnostics) out += render(diagnostic, false);
    return out;
  }
};

inline Parsed parse(const std::string& text, const std::string& id = "a.service") {
  Parsed out;
  out.unit = parse_unit(id, "/u/" + id + ".toml", text, out.diagnostics);
  return out;
}

inline const std::string kCommand = "[service]\ncommand = [\"/bin/true\"]\n";

// The line that a key of [service] cannot do without.
inline std::string needed_by(std::string_view key) {
  if (key == "pid-file") return "type = \"forking\"\n";
  return key == "bus-name" ? "type = \"dbus\"\n" : "";
}

}  // namespace init::unit
