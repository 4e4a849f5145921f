// What the engine is told. Effects answer by later events, never by a return value. Each names the attempt it
// belongs to; an event of an attempt that is not a current one is ignored.
#pragma once
#include <cstdint>
#include <memory>
#include <variant>

#include "libinit/base/time.h"

namespace init::core {

class Graph;
using UnitIndex = std::uint32_t;  // index in the graph in force
using JobId = std::uint64_t;      // chosen by the caller, unique for ever; 0 = nobody waits
using Attempt = std::uint32_t;    // counts the processes of one unit, from 1

inline constexpr UnitIndex kNoUnit = ~UnitIndex{0};

enum class Verb : std::uint8_t { Start, Stop, Restart, TryRestart, Reload, ResetFailed };
enum class PowerKind : std::uint8_t { Exit, Poweroff, Reboot, Halt };

// Mirrors process::ExitStatus (the core sees no system room): the code, or the signal and whether a core was
// dumped.
struct Exit {
  enum class Kind : std::uint8_t { None, Code, Signal, Dumped };
  Kind kind = Kind::None;
  std::int32_t value = 0;
  friend bool operator==(const Exit&, const Exit&) = default;
};

struct Requested {
  JobId job = 0;
  Verb verb = Verb::Start;
  UnitIndex unit = 0;
  std::uint32_t uid = 0;  // who asked; shown by `why`
  bool boot = false;      // the boot target's own start, not an admin's
};
// The caller no longer waits. The wish stays.
struct JobDropped {
  JobId job = 0;
};
struct Spawned {  // a process exists; exec is not yet known
  UnitIndex unit = 0;
  Attempt attempt = 0;
  std::int32_t pid = 0;
};
struct ExecSucceeded {
  UnitIndex unit = 0;
  Attempt attempt = 0;
};
enum class SpawnError : std::uint8_t {
  Resources,  // fork failed, out of fds or memory: tried again on its own back-off, never counted as a crash
  Setup,      // a child step or exec failed: counts as a failed start
  Config,  // the manager could not make a plan (no such user, bad environment file): counts as a failed start
};
struct SpawnFailed {
  UnitIndex unit = 0;
  Attempt attempt = 0;
  SpawnError kind = SpawnError::Setup;
  std::uint16_t step = 0;  // process::ChildStep, for showing
  std::int32_t error = 0;  // errno
  bool group_empty = true;
};
struct Exited {
  UnitIndex unit = 0;
  Attempt attempt = 0;
  Exit exit;
  bool group_empty = true;     // nothing else of the unit is left in its cgroup
  bool out_of_memory = false;  // the kernel killed in its cgroup for want of memory
};
struct Starved {  // the kernel has killed in its cgroup for want of memory
  UnitIndex unit = 0;
  Attempt attempt = 0;  // of the main process, as UnitRecord::main_attempt stood when it was seen
};
struct GroupEmpty {  // the cgroup has become empty; may come before the Exited of the last process
  UnitIndex unit = 0;
};
enum class TimerKind : std::uint8_t {
  Phase,     // limit of the state it is in (start, stop step, kill)
  Restart,   // the next try: after an end, after a spawn that lacked resources, of an idle service
  Watchdog,  // WATCHDOG=1 is overdue
  Run,       // run-timeout
  Probe,     // the next question of [ready] or [health]; the time of alive-for
};
inline constexpr std::size_t kTimerKinds = 5;
struct TimerFired {
  UnitIndex unit = 0;
  TimerKind kind = TimerKind::Phase;
  std::uint32_t serial = 0;  // as given with ArmTimer
};
// A word from the service about itself: by its notify socket, or a line on its ready-fd. The shell has
// checked the sender (notify-access), that a main pid is one of the unit's own processes, and that the word
// is of this run.
struct Notified {
  enum class What : std::uint8_t {
    Ready,
    Reloading,
    Stopping,
    Watchdog,        // still alive
    WatchdogFailed,  // WATCHDOG=trigger
    WatchdogTime,    // value: ns; takes the place of watchdog for this run
    MainPid,         // value: pid; 0 = to be looked for among its processes
    ExtendTimeout,   // value: ns from now
  };
  UnitIndex unit = 0;
  Attempt attempt = 0;  // of the main process, as UnitRecord::main_attempt stood when it came
  What what = What::Ready;
  std::int64_t value = 0;
};
enum class ProbeOf : std::uint8_t { Ready, Health };
struct Probed {  // the answer to core::Probe
  UnitIndex unit = 0;
  Attempt attempt = 0;
  ProbeOf which = ProbeOf::Ready;
  std::uint32_t serial = 0;  // as given with the question
  bool ok = false;
};
struct NameOwned {  // the owner of the unit's bus-name has come or gone
  UnitIndex unit = 0;
  bool owned = false;
};
// New unit files are in force: units are matched by name; a running unit that is gone stays known until it
// stops. Indices change: Engine::graph() is the new graph (the given one, or an extension of it). The shell
// forgets every timer before it hands this in; all that are still wanted are armed again.
struct Reloaded {
  std::shared_ptr<const Graph> graph;
};
struct ShutdownRequested {
  PowerKind kind = PowerKind::Exit;
  JobId job = 0;
  std::uint32_t uid = 0;
};

using Event = std::variant<Requested, JobDropped, Spawned, ExecSucceeded, SpawnFailed, Exited, GroupEmpty,
                           TimerFired, Notified, Probed, NameOwned, Reloaded, ShutdownRequested, Starved>;

}  // namespace init::core
