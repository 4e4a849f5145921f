#include "libinit/unit/vocabulary.h"

#include <algorithm>
#include <string>

#include "libinit/unit/key_places.h"
#include "libinit/unit/suggest.h"

namespace init::unit {
namespace {

// Of the language, but nothing carries them out yet, whether they have a row in the key table or not. Whoever
// makes one work takes it out.
constexpr std::string_view kLaterTables[] = {"append", "remove", "socket", "timer", "path", "mount", "swap"};
constexpr std::string_view kLaterKeys[] = {
    "conditions", "asserts", "requires-mounts-for", "default-instance",
    // [sandbox]
    "private-tmp", "private-devices", "private-network", "private-users", "private-pids", "private-ipc",
    "private-mounts", "protect-system", "protect-home", "protect-proc", "protect-kernel-logs",
    "protect-kernel-modules", "protect-kernel-tunables", "protect-clock", "protect-hostname",
    "protect-control-groups", "read-only-paths", "writable-paths", "inaccessible-paths", "bind-paths",
    "tmpfs-paths", "syscalls", "syscall-arch", "address-families", "restrict-namespaces", "restrict-realtime",
    "restrict-suid-sgid", "lock-personality", "memory-deny-write-execute", "profile"};

template <std::size_t N>
bool contains(const std::string_view (&list)[N], std::string_view name) {
  return std::find(std::begin(list), std::end(list), name) != std::end(list);
}

class Applier {
 public:
  Applier(std::span<const Key> keys, const Destination& to, Report& report)
      : keys_(keys), to_(to), report_(report) {
    for (const Key& key : keys) {
      if (tables_.empty() || tables_.back() != key.table) tables_.push_back(key.table);
    }
  }

  void root(const Node& document) {
    for (const Entry& entry : document.entries) {
      if (report_.full()) return;
      if (entry.key.starts_with("x-")) continue;
      if (has_table(entry.key)) {
        table(entry);
      } else if (entry.value.type == NodeType::Table) {
        unknown_table(entry);
      } else {
        key("", entry);
      }
    }
  }

 private:
  [[nodiscard]] bool has_table(std::string_view name) const {
    return !name.empty() && std::find(tables_.begin(), tables_.end(), name) != tables_.end();
  }

  void table(const Entry& entry) {
    if (to_.unit != nullptr && contains(kLaterTables, entry.key)) return unknown_table(entry);
    if (entry.value.type != NodeType::Table) {
      report_.error("E0104", entry.place,
                    "[" + entry.key + "] is a table, not " + std::string(type_text(entry.value.type)),
                    "write [" + entry.key + "] once, on a line of its own");
      return;
    }
    for (const Entry& member : entry.value.entries) {
      if (report_.full()) return;
      if (!member.key.starts_with("x-")) key(entry.key, member);
    }
  }

  void unknown_table(const Entry& entry) {
    if (contains(kLaterTables, entry.key)) {
      return report_.error("E0108", entry.place, "[" + entry.key + "] is not supported yet");
    }
    const std::string_view near = nearest(entry.key, tables_);
    report_.error("E0102", entry.place, "unknown table " + quoted(entry.key),
                  near.empty() ? "" : "did you mean [" + std::string(near) + "]?");
  }

  void key(std::string_view table, const Entry& entry) {
    const std::string name = quoted(entry.key);
    if (to_.unit != nullptr && is_later(table, entry.key))
      return report_.error("E0108", entry.place, name + " is not supported yet");
    for (const Key& key : keys_) {
      if (key.table == table && (key.name == entry.key || key.name == "*")) {
        if (to_.unit != nullptr && remembers_place(table))
          to_.unit->places.list.push_back({key_hash(table, entry.key), entry.place.line, 0});
        return key.set(Setting{entry, report_, to_.unit, to_.system});
      }
    }
    const std::string where = table.empty() ? "at the top of the file" : "in [" + std::string(table) + "]";
    report_.error("E0103", entry.place, "unknown key " + name + " " + where,
                  suggest_key(keys_, table, entry.key));
  }

  std::span<const Key> keys_;
  const Destination& to_;
  Report& report_;
  std::vector<std::string_view> tables_;
};

}  // namespace

bool is_later(std::string_view table, std::string_view key) {
  return contains(kLaterTables, table) ||
         (table != "environment" && table != "credentials" && contains(kLaterKeys, key));
}

void apply_document(const Node& root, std::span<const Key> keys, const Destination& to, Report& report) {
  Applier(keys, to, report).root(root);
}

}  // namespace init::unit
