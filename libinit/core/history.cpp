#include "libinit/core/history.h"

#include <cstring>
#include <type_traits>
#include <utility>

#include "libinit/core/graph.h"

namespace init::core {
namespace {

template <class T>
constexpr bool kPlain = std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(Entry::raw);

// ---- To bytes and back

template <class Variant>
Entry pack(Entry::Kind kind, const Variant& what, const Graph& graph, MonotonicTime now) {
  Entry entry;
  entry.kind = kind;
  entry.at_ns = now.since_epoch.count();
  entry.index = static_cast<std::uint16_t>(what.index());
  std::visit(
      [&](const auto& one) {
        using One = std::remove_cvref_t<decltype(one)>;
        if constexpr (kPlain<One>) {
          entry.size = sizeof(One);
          std::memcpy(entry.raw.data(), &one, sizeof(One));
        } else {
          entry.kind = Entry::Kind::Reload;
        }
        if constexpr (requires { one.unit; }) {
          if (one.unit < graph.size()) entry.tag = graph.tag(one.unit);
        }
      },
      what);
  return entry;
}

template <class Variant, std::size_t... Indices>
std::optional<Variant> unpack(const Entry& entry, std::index_sequence<Indices...>) {
  std::optional<Variant> found;
  const auto read = [&]<std::size_t Index>() {
    using One = std::variant_alternative_t<Index, Variant>;
    if constexpr (kPlain<One>) {
      One one{};
      if (entry.index != Index || entry.size != sizeof(One)) return;
      std::memcpy(static_cast<void*>(&one), entry.raw.data(), sizeof(One));
      found = Variant(std::in_place_index<Index>, one);
    }
  };
  (read.template operator()<Indices>(), ...);
  return found;
}

template <class T>
void put(std::string& out, const std::vector<T>& items) {
  static_assert(std::is_trivially_copyable_v<T>);
  const std::uint64_t count = items.size();
  out.append(static_cast<const char*>(static_cast<const void*>(&count)), sizeof(count));
  out.append(static_cast<const char*>(static_cast<const void*>(items.data())), count * sizeof(T));
}

template <class T>
bool take(std::string_view& in, std::vector<T>& items) {
  std::uint64_t count = 0;
  if (in.size() < sizeof(count)) return false;
  std::memcpy(&count, in.data(), sizeof(count));
  in.remove_prefix(sizeof(count));
  if (count > in.size() / sizeof(T)) return false;
  items.resize(count);
  if (count > 0) std::memcpy(static_cast<void*>(items.data()), in.data(), count * sizeof(T));
  in.remove_prefix(count * sizeof(T));
  return true;
}

// ---- In words

std::string words(std::string_view text) {
  return std::string(text);
}
std::string number(std::int64_t value) {
  return std::to_string(value);
}
template <class Enum>
std::string number_of(Enum value) {
  return number(static_cast<std::int64_t>(value));
}
std::string on(Attempt attempt) {
  return ", attempt " + std::to_string(attempt);
}
std::string exit_text(const Exit& exit) {
  constexpr const char* kKinds[] = {"none ", "code ", "signal ", "core dumped, signal "};
  return kKinds[static_cast<std::size_t>(exit.kind) % 4] + number(exit.value);
}
constexpr const char* kVerbs[] = {"start", "stop", "restart", "try-restart", "reload", "reset-failed"};
constexpr const char* kPowers[] = {"exit", "poweroff", "reboot", "halt"};
constexpr const char* kRoles[] = {"main",       "pre-start", "reload", "condition",
                                  "post-start", "pre-stop",  "stop",   "post-stop"};
constexpr const char* kTimers[] = {"phase", "restart", "watchdog", "run", "probe"};
constexpr const char* kOutcomes[] = {"done",    "failed",  "blocked",  "canceled",
                                     "refused", "skipped", "timed out"};
constexpr const char* kWords[] = {"ready",           "reloading",     "stopping", "watchdog",
                                  "watchdog failed", "watchdog time", "main pid", "extend timeout"};

template <std::size_t N, class Enum>
std::string name_in(const char* const (&names)[N], Enum value) {
  const auto index = static_cast<std::size_t>(value);
  return index < N ? names[index] : number_of(value);
}

struct Teller {
  std::string operator()(const Requested& it) const {
    return "requested: " + name_in(kVerbs, it.verb) +
           (it.boot ? " by the boot" : " by uid " + number(it.uid)) + ", job " +
           number(static_cast<std::int64_t>(it.job));
  }
  std::string operator()(const JobDropped& it) const {
    return "nobody waits for job " + number(static_cast<std::int64_t>(it.job));
  }
  std::string operator()(const Spawned& it) const {
    return "spawned" + on(it.attempt) + ": pid " + number(it.pid);
  }
  std::string operator()(const ExecSucceeded& it) const { return "executed" + on(it.attempt); }
  std::string operator()(const SpawnFailed& it) const {
    return "spawn failed" + on(it.attempt) + ": kind " + number_of(it.kind) + ", step " + number(it.step) +
           ", errno " + number(it.error) + left(it.group_empty);
  }
  std::string operator()(const Exited& it) const {
    return "exited" + on(it.attempt) + ": " + exit_text(it.exit) + left(it.group_empty) +
           (it.out_of_memory ? ", out of memory" : "");
  }
  std::string operator()(const Starved& it) const { return "out of memory" + on(it.attempt); }
  std::string operator()(const GroupEmpty&) const { return "nothing is left of it"; }
  std::string operator()(const TimerFired& it) const {
    return "timer " + name_in(kTimers, it.kind) + " fired, serial " + number(it.serial);
  }
  std::string operator()(const Notified& it) const {
    return "says " + name_in(kWords, it.what) + on(it.attempt) + ", value " + number(it.value);
  }
  std::string operator()(const Probed& it) const {
    return "probe " + number_of(it.which) + on(it.attempt) + ", serial " + number(it.serial) +
           (it.ok ? ": good" : ": bad");
  }
  std::string operator()(const NameOwned& it) const {
    return it.owned ? "owns its bus name" : "lost its bus name";
  }
  std::string operator()(const Reloaded&) const { return "other unit files are in force"; }
  std::string operator()(const ShutdownRequested& it) const {
    return "requested: " + name_in(kPowers, it.kind) + " by uid " + number(it.uid) + ", job " +
           number(static_cast<std::int64_t>(it.job));
  }

  std::string operator()(const Spawn& it) const {
    return "-> spawn " + name_in(kRoles, it.role) + on(it.attempt) + ", step " + number(it.step);
  }
  std::string operator()(const WatchMain& it) const {
    return "-> watch the main process" + on(it.attempt) + ", pid " + number(it.pid);
  }
  std::string operator()(const Probe& it) const {
    return "-> probe " + number_of(it.which) + on(it.attempt) + ", serial " + number(it.serial);
  }
  std::string operator()(const Signal& it) const {
    return "-> signal " + number(it.signal) + on(it.attempt) +
           (it.target == SignalTarget::Group ? " to all of it" : " to the main process");
  }
  std::string operator()(const KillGroup&) const { return "-> kill all of it"; }
  std::string operator()(const ArmTimer& it) const {
    return "-> timer " + name_in(kTimers, it.kind) + ", serial " + number(it.serial) + ", until " +
           number(it.deadline.since_epoch.count());
  }
  std::string operator()(const CancelTimer& it) const { return "-> no timer " + name_in(kTimers, it.kind); }
  std::string operator()(const StateChanged& it) const {
    return "-> " + words(name(it.from)) + " becomes " + words(name(it.to));
  }
  std::string operator()(const JobFinished& it) const {
    return "-> job " + number(static_cast<std::int64_t>(it.job)) + " " + name_in(kOutcomes, it.outcome) +
           ", cause " + number(it.cause);
  }
  std::string operator()(const Power& it) const { return "-> " + name_in(kPowers, it.kind); }

 private:
  static std::string left(bool empty) { return empty ? "" : ", others are left"; }
};

}  // namespace

Entry entry_of(const Event& event, const Graph& graph, MonotonicTime now) {
  return pack(Entry::Kind::Input, event, graph, now);
}

Entry entry_of(const Action& action, const Graph& graph, MonotonicTime now) {
  return pack(Entry::Kind::Output, action, graph, now);
}

std::optional<Event> event_of(const Entry& entry) {
  if (entry.kind != Entry::Kind::Input) return std::nullopt;
  return unpack<Event>(entry, std::make_index_sequence<std::variant_size_v<Event>>());
}

std::optional<Action> action_of(const Entry& entry) {
  if (entry.kind != Entry::Kind::Output) return std::nullopt;
  return unpack<Action>(entry, std::make_index_sequence<std::variant_size_v<Action>>());
}

std::string pack(const Beginning& beginning) {
  std::string out;
  put(out, beginning.units);
  put(out, beginning.jobs);
  put(out, beginning.processes);
  put(out, std::vector<std::uint64_t>{beginning.seed,
                                      static_cast<std::uint64_t>(beginning.now.since_epoch.count())});
  return out;
}

std::optional<Beginning> unpack_beginning(std::string_view bytes) {
  Beginning found;
  std::vector<std::uint64_t> rest;
  if (!take(bytes, found.units) || !take(bytes, found.jobs) || !take(bytes, found.processes) ||
      !take(bytes, rest) || rest.size() != 2)
    return std::nullopt;
  found.seed = rest[0];
  found.now = MonotonicTime{Duration(static_cast<std::int64_t>(rest[1]))};
  return found;
}

std::string text_of(const Event& event) {
  return std::visit(Teller{}, event);
}

std::string text_of(const Action& action) {
  return std::visit(Teller{}, action);
}

}  // namespace init::core
