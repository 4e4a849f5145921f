#include "libinit/unit/key_table.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "libinit/unit/key_places.h"
#include "libinit/unit/vocabulary.h"
#include "tests/unit/unit/unit_text.h"

namespace init::unit {
namespace {

std::string name_of(const Key& key) {
  return key.name == "*" ? "NAME" : std::string(key.name);
}

std::string table_of(const Key& key, const std::string& lines) {
  if (key.table != "service") return kCommand + "[" + std::string(key.table) + "]\n" + lines;
  return "[service]\n" + lines + (key.name == "command" ? "" : "command = [\"/bin/true\"]\n");
}

// A service in which this key, and what it cannot do without, is set.
std::string file_with(const Key& key, std::string_view value) {
  return table_of(key, name_of(key) + " = " + std::string(value) + "\n" + needed_by(key.table, key.name));
}

// The same service without the key.
Unit unit_without(const Key& key) {
  const std::string needed = needed_by(key.table, key.name);
  const bool probe = key.table == "ready" || key.table == "health";
  return *parse(probe && !needed.empty() ? table_of(key, needed) : kCommand).unit;
}

TEST(KeyTable, EachKeyIsThereOnceWithTypeHelpAndExample) {
  std::set<std::pair<std::string_view, std::string_view>> seen;
  for (const Key& key : key_table()) {
    EXPECT_TRUE(seen.insert({key.table, key.name}).second) << key.name;
    EXPECT_FALSE(key.type.empty() || key.help.empty() || key.example.empty()) << key.name;
    EXPECT_TRUE(key.help.ends_with('.')) << key.name;
  }
}

TEST(KeyTable, NoTwoKeysHaveTheSameHash) {
  std::map<std::uint32_t, std::string> seen;
  for (const Key& key : key_table()) {
    if (!remembers_place(key.table)) continue;
    const std::string name = std::string(key.table) + "." + std::string(key.name);
    EXPECT_TRUE(seen.emplace(key_hash(key.table, key.name), name).second) << name;
  }
}

TEST(KeyTable, EveryExampleIsAcceptedAndChangesTheUnit) {
  for (const Key& key : key_table()) {
    if (is_later(key.table, key.name)) continue;
    const Parsed parsed = parse(file_with(key, key.example));
    ASSERT_TRUE(parsed.unit) << parsed.text();
    const bool is_default = key.preset == key.example || key.name == "default-dependencies";
    EXPECT_EQ(*parsed.unit != unit_without(key), !is_default) << key.name;
  }
}

TEST(KeyTable, EveryPresetIsWhatAUnitHasWithoutTheKey) {
  for (const Key& key : key_table()) {
    if (key.preset.empty() || is_later(key.table, key.name)) continue;
    const Parsed parsed = parse(file_with(key, key.preset));
    ASSERT_TRUE(parsed.unit) << parsed.text();
    Unit unit = *parsed.unit;
    const Unit plain = unit_without(key);
    unit.service.command = plain.service.command;  // its line differs
    EXPECT_EQ(unit, plain) << key.name;
  }
}

// What each kind of value also takes, of the values below.
const std::map<std::string_view, std::set<std::string_view>> kAccepted = {
    {"strings", {"[]"}},         {"units", {"[]"}},
    {"identities", {"[]"}},      {"paths", {"[]"}},
    {"variables", {"[]"}},       {"exits", {"[]"}},
    {"patterns", {"[]"}},        {"directories", {"[]", "word"}},
    {"string", {"big", "word"}}, {"limit", {"2^63-1"}},
    {"memory", {"2^63-1"}},      {"words", {"[]"}},
    {"capabilities", {"[]"}},
};

TEST(KeyTable, EveryKeyRefusesWrongTypesAndValuesByName) {
  const std::string big = '"' + std::string(kMaximumString, 'x') + '"';
  const std::map<std::string_view, std::string> values = {{"empty", "\"\""},
                                                          {"[]", "[]"},
                                                          {"{}", "{}"},
                                                          {"NUL", "\"a\\u0000\""},
                                                          {"control", "\"\\u0007\""},
                                                          {"big", big},
                                                          {"-1", "-9223372036854775808"},
                                                          {"2^63-1", "9223372036854775807"},
                                                          {"nan", "nan"},
                                                          {"word", "\"no such thing\""},
                                                          {"date", "1979-05-27"},
                                                          {"[[]]", "[[]]"},
                                                          {"[1]", "[1.5]"},
                                                          {"{x}", "{ x = 1 }"},
                                                          {"item", "[\"\"]"},
                                                          {"long item", "[" + big + "]"},
                                                          {"1 MiB", '"' + std::string(1 << 20, 'x') + '"'}};
  for (const Key& key : key_table()) {
    if (is_later(key.table, key.name)) continue;
    const auto accepted = kAccepted.find(key.type);
    for (const auto& [what, value] : values) {
      const bool free = key.table == "environment" && (what == "empty" || what == "control");
      const bool list_of_text = (key.type == "strings" || key.type == "variables") && what == "long item";
      const bool steps = key.type == "steps" && what == "long item";
      if (free || list_of_text || steps || (accepted != kAccepted.end() && accepted->second.contains(what)))
        continue;
      const Parsed parsed = parse(file_with(key, value));
      EXPECT_FALSE(parsed.unit) << key.table << "." << key.name << " takes " << what;
      ASSERT_FALSE(parsed.diagnostics.empty());
      if (what != "NUL" && what != "1 MiB") {
        EXPECT_NE(parsed.text().find(name_of(key)), std::string::npos) << parsed.text();
      }
    }
  }
}

TEST(KeyTable, RowsOfTheSystemFileHoldTheSame) {
  for (const Key& key : system_key_table()) {
    const std::string head = key.table.empty() ? "" : "[" + std::string(key.table) + "]\n";
    std::vector<Diagnostic> diagnostics;
    const auto with = [&](std::string_view value) {
      return parse_system_config("/i.toml", head + std::string(key.name) + " = " + std::string(value) + "\n",
                                 diagnostics);
    };
    EXPECT_NE(with(key.example), SystemConfig{}) << key.name;
    EXPECT_TRUE(key.preset.empty() || with(key.preset) == SystemConfig{}) << key.name;
    EXPECT_TRUE(diagnostics.empty()) << render(diagnostics[0], false);
    for (const char* bad : {"\"\"", "1.5", "-1", "{}", "[1]"}) {
      diagnostics.clear();
      EXPECT_EQ(with(bad), SystemConfig{});
      EXPECT_FALSE(diagnostics.empty()) << key.name << " = " << bad;
    }
  }
}

TEST(KeyTable, IdentitiesThatCouldMeanAnotherUserRefuseTheUnit) {
  for (const char* key : {"user", "group"}) {
    for (const char* bad : {"\"0day\"", "\"0x0\"", "\"4294967295\"", "\"\"", "\"-1\"",
                            "\"99999999999999999999\"", "0", "[]", "\"root \"", "\"a:b\"", "true"}) {
      const Parsed parsed = parse(kCommand + key + " = " + bad + "\n");
      EXPECT_FALSE(parsed.unit) << key << " = " << bad;
      EXPECT_EQ(parsed.diagnostics.size(), 1U);
    }
  }
  EXPECT_FALSE(parse(kCommand + "extra-groups = [\"a\", \"0day\"]\n").unit);
}

}  // namespace
}  // namespace init::unit
