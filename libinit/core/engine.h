// The engine: what is wished for each unit, what it is doing, and how the one becomes the other. Pure: the
// same events at the same times give the same actions, to the byte. Two phases, by queues: a wish or a stop
// is first propagated over the graph, then every unit that is touched is looked at once more; nothing
// recurses.
#pragma once
#include <array>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "libinit/core/action.h"
#include "libinit/core/event.h"
#include "libinit/core/graph.h"
#include "libinit/core/record.h"
#include "libinit/core/state.h"

namespace init::core {

struct World;

// Why a unit is wanted.
struct WantedReason {
  enum class Kind : std::uint8_t { Admin, Boot, Unit };
  Kind kind = Kind::Admin;
  std::uint32_t uid = 0;     // Admin
  UnitIndex unit = kNoUnit;  // Unit: this one pulls it
  unit::DependencyKind dependency_kind = unit::DependencyKind::Wants;
  std::uint16_t dependency = 0;  // Unit: index in that unit's dependencies, for file:line
};

struct UnitView {
  PublicState state = PublicState::Inactive;
  State phase = State::Inactive;  // name(phase) for people
  Goal goal = Goal::Idle;
  Reason reason = Reason::None;  // why it failed, or is blocked by itself (Cycle, NotLoaded, Unkillable)
  bool done = false;             // a oneshot whose last run succeeded
  bool leftover = false;         // processes of its last run are still there
  std::uint16_t step = 0;        // of pre-start, command or reload, by phase
  std::uint8_t stop_step = 0;    // Stopping: which step of the stop schedule
  std::int32_t stop_signal = 0;  // Stopping: the signal last sent
  MonotonicTime since;           // entering the phase
  MonotonicTime started;         // the main process began to run; 0 = never
  std::int32_t main_pid = 0;     // 0 = none
  Attempt attempt = 0;
  std::uint32_t restarts = 0;                       // automatic ones since it was last asked for
  MonotonicTime limit = MonotonicTime::never();     // when the phase's time is up
  MonotonicTime next_try = MonotonicTime::never();  // Backoff, LongBackoff; or a spawn that lacked resources
  Exit last_exit;
  Role error_role = Role::Main;  // of the last spawn that failed; its step, a process::ChildStep; its errno
  std::uint16_t error_step = 0;
  std::int32_t error = 0;
  UnitIndex blocked_by = kNoUnit;  // Waiting, Blocked, Preparing, StopWaiting: for whom; may be itself
  unit::DependencyKind blocked_kind = unit::DependencyKind::Requires;
  UnitIndex blocked_owner = kNoUnit;  // who says so, and in which of its dependencies
  std::uint16_t blocked_dependency = 0;
};

// One link of the chain that `why` shows. The chain begins with the unit asked about.
struct Cause {
  enum class Relation : std::uint8_t {
    WaitsFor,    // unit waits for other, which is on its way
    BlockedBy,   // unit is blocked by other
    StopsAfter,  // unit must stop, after other
    Itself,      // the end of that chain: unit's own state and reason say why
    AskedBy,     // unit is wanted by an admin (uid)
    Boot,        // unit is the boot target
    PulledBy,    // unit is wanted by other
    HeldBy,      // unit was stopped on purpose: by a request (other = kNoUnit) or with other
  };
  UnitIndex unit = kNoUnit;
  Relation relation = Relation::Itself;
  UnitIndex other = kNoUnit;
  unit::DependencyKind kind = unit::DependencyKind::Requires;
  UnitIndex owner = kNoUnit;     // whose dependency it is (unit or other); kNoUnit = none
  std::uint16_t dependency = 0;  // its index there
  std::uint32_t uid = 0;
  State phase = State::Inactive;  // of unit
  Reason reason = Reason::None;   // of unit
};

struct PlanStep {
  enum class Verb : std::uint8_t { Start, Stop, Reload };
  Verb verb = Verb::Start;
  UnitIndex unit = kNoUnit;
  UnitIndex cause = kNoUnit;  // kNoUnit: asked for
  unit::DependencyKind kind = unit::DependencyKind::Requires;
  UnitIndex owner = kNoUnit;  // whose dependency
  std::uint16_t dependency = 0;
};
struct Plan {
  std::vector<PlanStep> steps;
  JobOutcome outcome = JobOutcome::Done;  // of the request, when every start and stop succeeds
  UnitIndex cause = kNoUnit;              // of that outcome
};

struct JobView {
  JobId job = 0;
  JobVerb verb = JobVerb::Start;
  JobPhase phase = JobPhase::Underway;
  UnitIndex unit = kNoUnit;
  std::uint32_t uid = 0;
};

enum class SystemState : std::uint8_t { Starting, Running, Degraded, Stopping };

class Engine {
 public:
  // seed makes the jitter of restart delays differ between machines.
  explicit Engine(std::shared_ptr<const Graph> graph, std::uint64_t seed = 0);
  ~Engine();
  Engine(const Engine& other);
  Engine(Engine&&) noexcept;
  Engine& operator=(Engine&&) noexcept;

  // What was committed, and what PID 1 saw since. Facts win.
  struct Saved {
    std::span<const UnitRecord>
        units;  // any order; those of unknown units are dropped, their processes stay unknown
    std::span<const JobRecord> jobs;
    std::span<const ProcessFact> processes;  // all that PID 1 holds, acknowledged or not
    std::uint64_t seed = 0;
  };
  // The engine as it was, brought up to date. Repeats every action that may have been lost: the caller
  // carries out what comes through sink as after handle(). changed() holds every unit that differs from its
  // saved record.
  [[nodiscard]] static Engine restore(std::shared_ptr<const Graph> graph, const Saved& saved,
                                      MonotonicTime now, ActionSink& sink);

  void handle(const Event& event, MonotonicTime now, ActionSink& sink);

  [[nodiscard]] const std::shared_ptr<const Graph>& graph() const noexcept;

  // What the shell commits before it carries out actions: units whose record changed since the last
  // clear_changed(), each once; and jobs (all that stand, when has_changed_jobs()).
  [[nodiscard]] std::span<const UnitIndex> changed() const noexcept;
  [[nodiscard]] bool has_changed_jobs() const noexcept;
  void clear_changed() noexcept;
  [[nodiscard]] const UnitRecord& record(UnitIndex unit) const noexcept;
  [[nodiscard]] std::vector<JobRecord> job_records()
      const;  // also of jobs whose answer may not have gone out

  [[nodiscard]] UnitView view(UnitIndex unit) const;
  [[nodiscard]] std::vector<WantedReason> wanted_by(UnitIndex unit) const;
  [[nodiscard]] std::vector<Cause> why(UnitIndex unit) const;
  // The engine run forward on a copy, where every start and every stop succeeds. Nothing is done.
  [[nodiscard]] Plan plan(const Requested& request, MonotonicTime now) const;
  [[nodiscard]] std::vector<JobView> jobs() const;  // that are not finished
  [[nodiscard]] std::array<std::uint32_t, kPublicStates> counts()
      const noexcept;  // of loaded units, by PublicState
  [[nodiscard]] SystemState system_state() const noexcept;
  [[nodiscard]] std::uint64_t looks() const noexcept;  // how often a unit was looked at: the work done so far

 private:
  explicit Engine(std::unique_ptr<World> world);
  std::unique_ptr<World> world_;
};

}  // namespace init::core
