// The history of an engine: every event that it was given and every action that it gave, as entries of a
// fixed size that a ring in memory can hold. An entry is read by the program that wrote it, or one of the
// same build: events and actions stand in it as they are in memory, and a unit is its number in the graph of
// the time.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libinit/core/action.h"
#include "libinit/core/event.h"
#include "libinit/core/record.h"

namespace init::core {

struct Entry {
  enum class Kind : std::uint8_t {
    None,
    Start,    // of a manager; value: how many there were
    Input,    // an event; index: in the variant
    Output,   // an action; index: in the variant
    Reload,   // other units are in force from here on
    Signal,   // PID 1 was sent one; index: which, value: the sender's pid, uid
    Request,  // of the control interface; index: the method, uid
  };
  std::uint64_t number = 0;  // counts the entries, from 1; 0: none, or one that is being written
  std::int64_t at_ns = 0;    // MonotonicTime; of an action that of its event
  std::uint64_t tag = 0;     // of the unit that it is about; 0 = none
  std::int32_t value = 0;
  std::uint16_t index = 0;
  Kind kind = Kind::None;
  std::uint8_t size = 0;  // of raw
  union {
    std::array<std::byte, 32> raw{};
    std::uint32_t uid;
  };
};
static_assert(sizeof(Entry) == 64);

// number stays 0: it is given by whoever keeps the entry.
[[nodiscard]] Entry entry_of(const Event& event, const Graph& graph, MonotonicTime now);
[[nodiscard]] Entry entry_of(const Action& action, const Graph& graph, MonotonicTime now);

// Nothing for an entry of another kind, or one that does not fit.
[[nodiscard]] std::optional<Event> event_of(const Entry& entry);
[[nodiscard]] std::optional<Action> action_of(const Entry& entry);

// What Engine::restore was given when a manager started.
struct Beginning {
  std::vector<UnitRecord> units;
  std::vector<JobRecord> jobs;
  std::vector<ProcessFact> processes;
  std::uint64_t seed = 0;
  MonotonicTime now;
};
[[nodiscard]] std::string pack(const Beginning& beginning);
[[nodiscard]] std::optional<Beginning> unpack_beginning(std::string_view bytes);

// What happened, without the unit and the time: "exited, attempt 3: code 1". Equal events have equal texts,
// and others have others.
[[nodiscard]] std::string text_of(const Event& event);
[[nodiscard]] std::string text_of(const Action& action);

}  // namespace init::core
