// Prints docs/unit-keys.md from the key table.
#include <cstdio>
#include <string>

#include "libinit/unit/key_table.h"
#include "libinit/unit/vocabulary.h"

namespace {

std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string code(std::string_view text) {
  return text.empty() ? std::string() : "`" + cell(text) + "`";
}

void print_table(std::span<const init::unit::Key> keys, bool all) {
  std::string table = "(none yet)";
  for (const auto& key : keys) {
    if (!all && init::unit::is_later(key.table, key.name)) continue;
    if (key.table != table) {
      table = key.table;
      std::printf(
          "\n### %s\n\n| key | type | default | example | meaning | systemd |\n|---|---|---|---|---|---|\n",
          table.empty() ? "Top of the file" : ("[" + table + "]").c_str());
    }
    const std::string name = key.name == "*" ? "any name" : code(key.name);
    std::printf("| %s | %s | %s | %s | %s | %s |\n", name.c_str(), cell(key.type).c_str(),
                code(key.preset).c_str(), code(key.example).c_str(), cell(key.help).c_str(),
                cell(key.systemd).c_str());
  }
}

}  // namespace

int main() {
  std::printf(
      "# The keys of unit files\n\nMade from the key table by `key_reference`; a test fails when the two "
      "differ.\n");
  std::printf("How files are found, ordered and checked: [unit-files.md](unit-files.md).\n\n## Unit files\n");
  print_table(init::unit::key_table(), false);
  std::printf("\n## /etc/initd/initd.toml\n");
  print_table(init::unit::system_key_table(), true);
}
