// One key of one file on its way into a unit: the readers that setters are made of. Each reader checks the
// type and the value, reports what is wrong in words that name the key, and returns nothing then.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libinit/unit/config.h"
#include "libinit/unit/document.h"
#include "libinit/unit/report.h"
#include "libinit/unit/system_config.h"

namespace init::unit {

struct Setting {
  const Entry& entry;
  Report& report;
  Unit* unit = nullptr;            // of a unit file
  SystemConfig* system = nullptr;  // of initd.toml

  void wrong_type(const Node& node, std::string_view expected, std::string help = {}) const;
  void bad_value(const Node& node, std::string_view problem, std::string help = {}) const;

  [[nodiscard]] std::optional<bool> boolean(const Node& node) const;
  [[nodiscard]] std::optional<std::int64_t> integer(const Node& node, std::int64_t least,
                                                    std::int64_t most) const;
  // Not empty, one line.
  [[nodiscard]] const std::string* string(const Node& node) const;
  [[nodiscard]] const std::string* path(const Node& node) const;
  // "-/x" is a path that may lead nowhere.
  [[nodiscard]] const std::string* path_or_optional(const Node& node) const;
  [[nodiscard]] const std::string* unit_name(const Node& node) const;
  [[nodiscard]] const std::string* identity(const Node& node) const;
  [[nodiscard]] const std::string* environment_name(const Node& node) const;
  [[nodiscard]] std::optional<Duration> duration(const Node& node) const;
  [[nodiscard]] std::optional<std::int32_t> signal(const Node& node) const;
  [[nodiscard]] std::optional<std::uint16_t> mode(const Node& node) const;
  // The index of the word in words.
  [[nodiscard]] std::optional<std::size_t> word_of(const Node& node, const std::string_view* words,
                                                   std::size_t count) const;

  using StringReader = const std::string* (Setting::*)(const Node&) const;
  // Every item by the reader; nothing when one of them is wrong, after all were reported.
  [[nodiscard]] std::optional<std::vector<std::string>> strings(StringReader reader) const;

  // For inline tables: reports members that are not in allowed.
  [[nodiscard]] bool only_members(const Node& table, std::initializer_list<std::string_view> allowed) const;
};

[[nodiscard]] inline Location location_of(const Place& place) {
  return {0, static_cast<std::uint16_t>(std::min<std::uint32_t>(place.column, 0xffff)), place.line};
}

}  // namespace init::unit
