#include "libinit/unit/unit_file.h"

#include "libinit/unit/context_check.h"
#include "libinit/unit/enums.h"
#include "libinit/unit/names.h"
#include "libinit/unit/outputs.h"
#include "libinit/unit/slices.h"
#include "libinit/unit/vocabulary.h"

namespace init::unit {
namespace {

// Where a table begins, for errors about what it lacks; the file as a whole when it is not there.
Place table_place(const Node& root, std::string_view table) {
  const Entry* entry = find_entry(root, table);
  return entry == nullptr ? Place{0, 0, 1} : entry->place;
}

Place key_place(const Node& root, std::string_view table, std::string_view key) {
  const Entry* entry = find_entry(root, table);
  const Entry* member = entry == nullptr ? nullptr : find_entry(entry->value, key);
  return member == nullptr ? table_place(root, table) : member->place;
}

void check_type(const Unit& unit, const Node& root, Report& report) {
  const ServiceConfig& service = unit.service;
  const bool forking = service.type == ServiceType::Forking, dbus = service.type == ServiceType::Dbus;
  const auto only_for = [&](bool wrong, std::string_view key, std::string_view type) {
    if (!wrong) return;
    report.error("E0107", key_place(root, "service", key),
                 std::string(key) + " is only for type = \"" + std::string(type) + '"');
  };
  only_for(!service.pid_file.empty() && !forking, "pid-file", "forking");
  only_for(!service.bus_name.empty() && !dbus, "bus-name", "dbus");
  only_for(service.ready_fd >= 0 && service.type != ServiceType::Exec, "ready-fd", "exec");
  if (service.ready_fd >= 0 && service.ready_fd < 3 + service.fd_store_max) {
    report.error("E0107", key_place(root, "service", "ready-fd"),
                 "ready-fd is a number of the descriptors that fd-store-max gives back",
                 "they begin at 3: choose " + std::to_string(3 + service.fd_store_max) + " or above");
  }
  if (dbus && service.bus_name.empty()) {
    report.error("E0106", key_place(root, "service", "type"), "a dbus service needs a bus-name");
  }
}

// What makes a service ready is said once.
void check_probes(const Unit& unit, const Node& root, Report& report) {
  const ServiceConfig& service = unit.service;
  const bool asked = service.ready.kind != ProbeKind::None;
  const bool tells = service.type != ServiceType::Exec && service.type != ServiceType::Idle;
  if (asked && (tells || service.ready_fd >= 0)) {
    report.error("E0107", table_place(root, "ready"), "two ways to become ready",
                 "[ready] is for services that cannot tell: type = \"exec\" without ready-fd");
  }
  const bool logged =
      is_logged(service, service.standard_output) || is_logged(service, service.standard_error);
  if (service.ready.kind == ProbeKind::LogLine && !logged) {
    report.error("E0107", key_place(root, "ready", "log-line"), "log-line, and nothing goes to the log",
                 "leave stdout or stderr at \"log\"");
  }
  if (service.health.kind != ProbeKind::None && service.type == ServiceType::Oneshot) {
    report.error("E0107", table_place(root, "health"), "a oneshot has no health to ask for");
  }
  for (const std::string_view table : {"ready", "health"}) {
    const Probe& probe = table == "ready" ? service.ready : service.health;
    if (probe.kind == ProbeKind::None && find_entry(root, table) != nullptr)
      report.error("E0106", table_place(root, table),
                   "[" + std::string(table) + "] does not say what to ask");
    if (!probe.body.empty() && probe.kind != ProbeKind::Http)
      report.error("E0107", key_place(root, table, "body"), "body is only for http");
  }
}

void check_service(const Unit& unit, const Node& root, Report& report) {
  const ServiceConfig& service = unit.service;
  if (service.command.empty()) {
    report.error("E0106", table_place(root, "service"), "the service has no command",
                 "write command = [\"/path/of/program\", \"argument\"] in [service]");
  }
  if (service.command.size() > 1 && service.type != ServiceType::Oneshot) {
    report.error("E0107", key_place(root, "service", "command"), "more than one command",
                 "only a oneshot may have several");
  }
  if (!service.reload.empty() && service.reload_signal != 0) {
    report.error("E0107", key_place(root, "service", "reload-signal"), "both reload and reload-signal",
                 "keep one of them");
  }
  check_type(unit, root, report);
  check_probes(unit, root, report);
  if (service.restart_delay > service.restart_delay_max) {
    report.error("E0107", key_place(root, "service", "restart-delay"),
                 "restart-delay is above restart-delay-max");
  }
  check_context(unit, root, report);
}

// Of a unit that has no processes.
void check_tables(Kind kind, const Node& root, Report& report) {
  const bool target = kind == Kind::Target;
  for (const std::string_view table : {"service", "ready", "health", "environment", "limits", "directories",
                                       "sandbox", "resources", "tty", "credentials", "log"}) {
    const Entry* entry = find_entry(root, table);
    if (entry == nullptr || (!target && table == "resources")) continue;
    report.error("E0107", entry->place,
                 "a " + std::string(word(kind)) + " has no [" + std::string(table) + "]",
                 target ? "a target only groups other units" : "a slice has only limits: [resources]");
  }
}

void check_slice(const Unit& unit, const Node& root, Report& report) {
  check_tables(Kind::Slice, root, report);
  if (!slice_id(unit.id)) {
    report.error("E0107", {0, 0, 1}, quoted(unit.id) + " is no name of a slice",
                 "dashes divide the names on the way to it: batch-nightly.slice lies in batch.slice");
  }
  const Entry* resources = find_entry(root, "resources");
  for (const std::string_view key : {"slice", "delegate", "oom-policy"}) {
    const Entry* entry = resources == nullptr ? nullptr : find_entry(resources->value, key);
    if (entry != nullptr) report.error("E0107", entry->place, std::string(key) + " is only for services");
  }
}

void check_dependencies(const Unit& unit, Report& report) {
  for (const Dependency& dependency : unit.dependencies) {
    if (dependency.target != unit.id) continue;
    report.error(
        "E0107",
        {dependency.where.line, dependency.where.column, static_cast<std::uint32_t>(unit.id.size()) + 2},
        "the unit " + std::string(word(dependency.kind)) + " itself");
  }
}

std::optional<Node> parse_or_report(std::string_view text, Report& report) {
  auto root = parse_document(text);
  if (root) return std::move(*root);
  report.error("E0002", root.error().place, std::move(root.error().message), std::move(root.error().help));
  return std::nullopt;
}

}  // namespace

std::optional<Unit> parse_unit(const std::string& id, const std::string& path, std::string_view text,
                               std::vector<Diagnostic>& diagnostics) {
  Report report(path, text, diagnostics);
  const auto root = parse_or_report(text, report);
  if (!root) return std::nullopt;
  Unit unit;
  unit.id = id;
  unit.kind = kind_of(id).value_or(Kind::Service);
  unit.files = {path};
  unit.stop_when_unneeded = unit.kind == Kind::Slice;
  apply_document(*root, key_table(), {&unit, nullptr}, report);
  if (unit.kind == Kind::Target) check_tables(Kind::Target, *root, report);
  if (unit.kind == Kind::Slice) check_slice(unit, *root, report);
  check_dependencies(unit, report);
  // What a unit lacks is only worth saying when all that it has was understood.
  if (unit.kind == Kind::Service && !report.failed()) check_service(unit, *root, report);
  if (report.failed()) return std::nullopt;
  return unit;
}

SystemConfig parse_system_config(const std::string& path, std::string_view text,
                                 std::vector<Diagnostic>& diagnostics) {
  Report report(path, text, diagnostics);
  SystemConfig config;
  if (const auto root = parse_or_report(text, report)) {
    apply_document(*root, system_key_table(), {nullptr, &config}, report);
  }
  return config;
}

}  // namespace init::unit
