// S16: what the flight recorder keeps of events, actions and beginnings is what they were.
#include <cstring>

#include "libinit/core/history.h"
#include "tests/sim/simulation.h"

namespace init::sim {
namespace {

using core::Entry;

bool same(const Entry& a, const Entry& b) {
  return a.kind == b.kind && a.index == b.index && a.size == b.size && a.tag == b.tag && a.at_ns == b.at_ns &&
         std::memcmp(a.raw.data(), b.raw.data(), a.size) == 0;
}

template <class T>
bool same(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

template <class Variant>
core::UnitIndex unit_of(const Variant& what) {
  return std::visit(
      [](const auto& one) {
        if constexpr (requires { one.unit; }) return one.unit;
        return core::kNoUnit;
      },
      what);
}

// Whether it tells what it is of, and what is read from it is told in the same way, by bytes and in words.
template <class Variant>
bool is_true(const Entry& entry, const Variant& what, const std::optional<Variant>& read,
             const core::Graph& graph, MonotonicTime now) {
  const core::UnitIndex unit = unit_of(what);
  const std::uint64_t tag = unit < graph.size() ? graph.tag(unit) : 0;
  return read && read->index() == what.index() && entry.tag == tag &&
         entry.at_ns == now.since_epoch.count() && same(core::entry_of(*read, graph, now), entry) &&
         core::text_of(*read) == core::text_of(what);
}

}  // namespace

void Simulation::check_recorded(const core::Event& event) {
  const core::Graph& graph = *engine_.graph();
  const Entry entry = core::entry_of(event, graph, now_);
  const bool reload = std::holds_alternative<core::Reloaded>(event);
  if (core::action_of(entry) || (reload ? entry.kind != Entry::Kind::Reload || core::event_of(entry)
                                        : !is_true(entry, event, core::event_of(entry), graph, now_)))
    fail("S16: what is recorded of an event is another: " + core::text_of(event));
  Entry damaged = entry;
  ++damaged.size;
  if (core::event_of(damaged)) fail("S16: an entry that does not fit is read");
  for (const core::Action& action : wanted_) {
    const Entry done = core::entry_of(action, graph, now_);
    if (core::event_of(done) || !is_true(done, action, core::action_of(done), graph, now_))
      fail("S16: what is recorded of an action is another: " + core::text_of(action));
  }
}

void Simulation::check_recorded(const core::Beginning& beginning) {
  const std::string bytes = core::pack(beginning);
  const auto read = core::unpack_beginning(bytes);
  if (!read || !same(read->units, beginning.units) || !same(read->jobs, beginning.jobs) ||
      !same(read->processes, beginning.processes) || read->seed != beginning.seed ||
      read->now != beginning.now)
    return fail("S16: what is recorded of a beginning is another");
  for (const std::size_t size : {bytes.size() - 1, bytes.size() / 2, std::size_t{7}, std::size_t{0}}) {
    if (core::unpack_beginning(std::string_view(bytes).substr(0, size)))
      fail("S16: a beginning that was cut off is read");
  }
}

}  // namespace init::sim
