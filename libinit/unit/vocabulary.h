// Holds a document against a key table: what is known is set, everything else is reported.
#pragma once
#include <span>
#include <string_view>

#include "libinit/unit/key_table.h"
#include "libinit/unit/setting.h"

namespace init::unit {

// What a file gives its values to: exactly one of unit and system.
struct Destination {
  Unit* unit = nullptr;
  SystemConfig* system = nullptr;
};

// Of the language, but nothing carries it out yet: refused wherever it is written.
[[nodiscard]] bool is_later(std::string_view table, std::string_view key);

// Names that begin with "x-" are left to others.
void apply_document(const Node& root, std::span<const Key> keys, const Destination& to, Report& report);

}  // namespace init::unit
