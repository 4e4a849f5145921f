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

// The line that a key cannot do without in its table.
inline std::string needed_by(std::string_view table, std::string_view key) {
  if (key == "pid-file") return "type = \"forking\"\n";
  if (key == "bus-name") return "type = \"dbus\"\n";
  if (key == "cpu-priority") return "cpu-policy = \"fifo\"\n";
  if (key == "numa-nodes") return "numa-policy = \"bind\"\n";
  if (table != "ready" && table != "health") return "";
  if (key == "body" || key == "status") return "http = \"http://127.0.0.1/\"\n";
  for (const std::string_view question :
       {"http", "tcp", "unix", "path", "command", "log-line", "alive-for", "trigger"}) {
    if (key == question) return "";
  }
  return "tcp = \"127.0.0.1:1\"\n";
}

}  // namespace init::unit
