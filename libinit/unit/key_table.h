// THE key table: one row per key of a unit file. The loader, the hints, `initctl explain` and the documents
// are made from it; a key is in one row or does not exist.
#pragma once
#include <span>
#include <string_view>

namespace init::unit {

struct Setting;  // one key of one file on its way into a unit: setting.h

struct Key {
  std::string_view table;    // "service"; empty = top of the file (initd.toml)
  std::string_view name;     // "restart-delay"; "*" = any name
  std::string_view type;     // "duration", for people
  std::string_view preset;   // the default as one would write it; empty = unset
  std::string_view example;  // a valid value
  std::string_view help;     // one line
  std::string_view systemd;  // systemd's names of the same thing, divided by blanks; or empty
  std::string_view dinit;    // dinit's
  void (*set)(const Setting&);
  std::string_view since = "0.1";
};

[[nodiscard]] std::span<const Key> key_table();         // of unit files: unit_keys() and context_keys()
[[nodiscard]] std::span<const Key> system_key_table();  // of initd.toml

// The parts, each in a file of its own; rows of one table may stand in several of them.
[[nodiscard]] std::span<const Key> unit_keys();
[[nodiscard]] std::span<const Key> context_keys();

}  // namespace init::unit
