// What the kinds of an output mean: stdout = "log", "unit:NAME" and so on.
#pragma once
#include <string_view>

#include "libinit/unit/config.h"

namespace init::unit {

// Why this unit cannot read what others write, as words that follow its name; empty: it can.
[[nodiscard]] inline std::string_view why_not_readable(const Unit* reader) {
  if (reader == nullptr) return "does not exist";
  if (reader->kind != Kind::Service) return "is no service";
  return reader->service.standard_input.kind == InputKind::Null ? "" : "has a stdin of its own";
}

// Whether it goes through the logger: all that is kept in the unit's log, and sent on from there. A console
// that is its input as well is its own.
[[nodiscard]] inline bool is_logged(const ServiceConfig& service, const Output& output) {
  const InputKind input = service.standard_input.kind;
  switch (output.kind) {
    case OutputKind::Default:
    case OutputKind::Syslog:
    case OutputKind::Kmsg:
      return true;
    case OutputKind::Console:
      return input != InputKind::Console && input != InputKind::Tty;
    default:
      return false;
  }
}

}  // namespace init::unit
