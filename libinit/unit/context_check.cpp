#include "libinit/unit/context_check.h"

namespace init::unit {
namespace {

// Of a key that is there.
Place place_in(const Node& root, std::string_view table, std::string_view key) {
  const Entry* entry = find_entry(root, table);
  const Entry* member = entry == nullptr ? nullptr : find_entry(entry->value, key);
  return member == nullptr ? Place{0, 0, 1} : member->place;
}

void check_scheduling(const Scheduling& s, const Node& root, Report& report) {
  const bool realtime = s.cpu_policy == CpuPolicy::Fifo || s.cpu_policy == CpuPolicy::RoundRobin;
  if (realtime && !s.cpu_priority) {
    report.error("E0107", place_in(root, "service", "cpu-policy"), "this cpu-policy needs a cpu-priority",
                 "write cpu-priority = 1, the lowest");
  }
  if (!realtime && s.cpu_priority) {
    report.error("E0107", place_in(root, "service", "cpu-priority"),
                 "cpu-priority is for cpu-policy \"fifo\" and \"rr\" only", "other policies go by nice");
  }
  if (s.io_class == IoClass::Idle && s.io_priority) {
    report.error("E0107", place_in(root, "service", "io-priority"), "io-class \"idle\" has no io-priority");
  }
  const bool named = s.numa_policy == NumaPolicy::Preferred || s.numa_policy == NumaPolicy::Bind ||
                     s.numa_policy == NumaPolicy::Interleave;
  if (named && s.numa_nodes.empty()) {
    report.error("E0107", place_in(root, "service", "numa-policy"), "this numa-policy needs numa-nodes");
  }
  if (!named && !s.numa_nodes.empty()) {
    report.error("E0107", place_in(root, "service", "numa-nodes"),
                 "numa-nodes is for numa-policy \"preferred\", \"bind\" and \"interleave\" only");
  }
}

void check_privileges(const Privileges& p, const Node& root, Report& report) {
  if (p.capabilities && (p.ambient.value_or(0) & ~*p.capabilities) != 0) {
    report.error("E0107", place_in(root, "sandbox", "ambient-capabilities"),
                 "ambient-capabilities has more than capabilities allows", "name them in both");
  }
}

}  // namespace

void check_context(const Unit& unit, const Node& root, Report& report) {
  check_scheduling(unit.service.context.scheduling, root, report);
  check_privileges(unit.service.context.privileges, root, report);
}

}  // namespace init::unit
