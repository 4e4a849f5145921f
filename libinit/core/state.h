// The states of a unit, private and public, and the words that go with them.
//
// One enum serves services and targets; a target only ever is Inactive, Waiting, Blocked, Preparing, Up or
// StopWaiting. docs in state.cpp: what leads into each state and out of it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace init::core {

enum class PublicState : std::uint8_t { Inactive, Activating, Active, Reloading, Deactivating, Failed };
inline constexpr std::size_t kPublicStates = 6;

// Down: Inactive, Waiting, Blocked, Preparing, Backoff, LongBackoff, Failed (no process of ours runs; see
// UnitView::leftover for the exception). Starting: Condition to PostStart. Up: Running to SelfReloading.
// Stopping: Leaving to PostStop.
enum class State : std::uint8_t {
  Inactive,       // down, nothing to do
  Waiting,        // wanted; what it needs is on its way
  Blocked,        // wanted; what it needs is down, failed, or not retried soon
  Preparing,      // its prepared-by units run anew
  Condition,      // a condition command runs, or its spawn was asked for
  PreStart,       // pre-start step runs, or its spawn was asked for
  Idling,         // idle: until nothing else is being started
  Starting,       // main: spawn was asked for, exec is not yet known
  Commanding,     // oneshot: a step of command runs, or its spawn was asked for
  Forking,        // forking: the first process runs; then its main process is looked for
  Readying,       // the main process runs; that it is ready is awaited
  PostStart,      // a post-start step runs, or its spawn was asked for
  Running,        // the main process runs
  Up,             // up without a process: a target, or remain-after-exit
  Reloading,      // the main process runs, and a reload step
  SelfReloading,  // the main process says that it reloads
  Leaving,        // the main process says that it ends, or has lost its bus name; the end is awaited
  StopWaiting,    // must stop; those that depend on it stop first
  PreStop,        // a pre-stop step runs beside the main process
  StopStep,       // a step of stop runs beside the main process
  Aborting,       // the abort signal was sent; the end is awaited
  Stopping,       // a stop signal was sent; the end is awaited
  KillWait,       // SIGKILL to the whole group was sent; the end is awaited
  PostStop,       // nothing else is left; a post-stop step runs
  Backoff,        // ended or failed; the next try comes soon
  LongBackoff,    // the same, but the wait is long enough to call it failed
  Failed,         // given up
};
inline constexpr std::size_t kStates = 27;

[[nodiscard]] PublicState public_state(State state) noexcept;
[[nodiscard]] std::string_view name(State state) noexcept;        // "awaiting stop", for people
[[nodiscard]] std::string_view name(PublicState state) noexcept;  // "deactivating"

[[nodiscard]] bool is_up(State state) noexcept;        // Running to SelfReloading
[[nodiscard]] bool is_starting(State state) noexcept;  // Condition to PostStart
[[nodiscard]] bool is_stopping(State state) noexcept;  // Leaving to PostStop
[[nodiscard]] bool is_down(State state) noexcept;      // all others

// What is wished for a unit. Set by verbs and pulls, never by the state it is in, with one exception: a unit
// that ends by itself and is not to be restarted goes from Up to Idle (its wish is fulfilled).
enum class Goal : std::uint8_t {
  Idle,  // nobody asked
  Up,    // to be up, and kept up as its policy says
  Held,  // stopped on purpose: only a request brings it up again, no dependency and no restart policy
};

// Why a unit failed, or why its last run ended.
enum class Reason : std::uint8_t {
  None,
  ExitCode,  // last_exit says which
  Signal,    // last_exit says which
  PreStart,  // a pre-start step failed; last_exit and step say how
  Setup,     // a child step or exec failed; error_step and error say which
  Config,    // no plan could be made
  StartTimeout,
  RestartLimit,    // ended once too often; last_exit says how the last time
  Unkillable,      // something survived SIGKILL for 5 s
  Cycle,           // lies on an ordering cycle that cannot be broken
  NotLoaded,       // no unit file, or one with errors
  Condition,       // a condition command failed; last_exit and step say how
  ConditionUnmet,  // a condition command said no: no failure
  PostStart,       // a post-start step failed; last_exit and step say how
  PostStop,        // a post-stop step failed; last_exit and step say how
  ReadyTimeout,    // it ran, and was not ready in time
  NotReady,        // ready probes failed too often
  Protocol,        // it ended before it was ready; a forking one left no process
  Watchdog,        // no WATCHDOG=1 in time, or it asked for it
  Unhealthy,       // health probes failed too often, or for too long
  RunTimeout,      // run-timeout is over
  StopTimeout,     // it had to be killed
  OutOfMemory,     // the kernel killed it for want of memory
};
[[nodiscard]] std::string_view name(Reason reason) noexcept;
[[nodiscard]] bool is_late(Reason reason) noexcept;  // StartTimeout, ReadyTimeout

}  // namespace init::core
