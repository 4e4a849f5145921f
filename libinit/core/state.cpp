// The machine of a unit.
//
//   Inactive    -> Waiting      it is wanted
//   Waiting    <-> Blocked      a gate is closed: for now, or until something else changes
//   Waiting     -> Preparing    all gates are open, and prepared-by units must run first
//               -> PreStart | Starting | Commanding    a service, by what it has to run
//               -> Up           a target
//   Preparing   -> PreStart | Starting | Commanding | Up    they have run
//               -> Blocked      they cannot, or something else is missing by now
//   PreStart    -> PreStart (next step) | Starting | Commanding
//   Starting    -> Running      exec succeeded
//   Commanding  -> Commanding (next step) | Up (remain-after-exit) | Inactive (done)
//   Running    <-> Reloading    reload steps
//   any start   -> Stopping     a step failed or the time was up, and something is left to end
//               -> Backoff | LongBackoff | Failed      ... and nothing is
//   Running     -> Up           it ended well, remain-after-exit
//               -> Stopping     it ended, and something is left in its group
//               -> Backoff | LongBackoff | Inactive | Failed    it ended; by restart policy
//   up, start   -> StopWaiting  it must stop
//   StopWaiting -> Stopping     all that stop before it have stopped
//   Stopping    -> Stopping (next step of the schedule) -> KillWait
//   Stopping, KillWait -> Inactive (it was asked to stop; Waiting at once if it is still wanted)
//               -> Backoff | LongBackoff | Inactive | Failed    (it ended by itself)
//   KillWait    -> Failed       something survives SIGKILL
//   Backoff, LongBackoff -> Waiting    the delay is over, or somebody asks
//   Failed      -> Waiting      somebody asks
//   Waiting, Blocked, Preparing, Backoff, LongBackoff -> Inactive    it is no longer wanted
#include "libinit/core/state.h"

#include <array>

namespace init::core {
namespace {

enum class Group : std::uint8_t { Down, Starting, Up, Stopping };

struct Row {
  State state;
  PublicState shown;
  Group group;
  std::string_view name;
};

constexpr std::array<Row, kStates> kTable = {{
    {State::Inactive, PublicState::Inactive, Group::Down, "inactive"},
    {State::Waiting, PublicState::Activating, Group::Down, "waiting"},
    {State::Blocked, PublicState::Inactive, Group::Down, "blocked"},
    {State::Preparing, PublicState::Activating, Group::Down, "being prepared"},
    {State::PreStart, PublicState::Activating, Group::Starting, "pre-start"},
    {State::Starting, PublicState::Activating, Group::Starting, "awaiting exec"},
    {State::Commanding, PublicState::Activating, Group::Starting, "running its command"},
    {State::Running, PublicState::Active, Group::Up, "running"},
    {State::Up, PublicState::Active, Group::Up, "up"},
    {State::Reloading, PublicState::Reloading, Group::Up, "reloading"},
    {State::StopWaiting, PublicState::Deactivating, Group::Stopping, "awaiting the stop of others"},
    {State::Stopping, PublicState::Deactivating, Group::Stopping, "awaiting stop"},
    {State::KillWait, PublicState::Deactivating, Group::Stopping, "awaiting the end after KILL"},
    {State::Backoff, PublicState::Activating, Group::Down, "awaiting the next try"},
    {State::LongBackoff, PublicState::Failed, Group::Down, "failed, awaiting the next try"},
    {State::Failed, PublicState::Failed, Group::Down, "failed"},
}};

constexpr bool rows_are_in_order() {
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    if (static_cast<std::size_t>(kTable[i].state) != i) return false;
  }
  return true;
}
static_assert(rows_are_in_order());

constexpr const Row& row(State state) {
  return kTable[static_cast<std::size_t>(state)];
}

}  // namespace

PublicState public_state(State state) noexcept {
  return row(state).shown;
}
std::string_view name(State state) noexcept {
  return row(state).name;
}
bool is_up(State state) noexcept {
  return row(state).group == Group::Up;
}
bool is_starting(State state) noexcept {
  return row(state).group == Group::Starting;
}
bool is_stopping(State state) noexcept {
  return row(state).group == Group::Stopping;
}
bool is_down(State state) noexcept {
  return row(state).group == Group::Down;
}

std::string_view name(PublicState state) noexcept {
  constexpr std::array<std::string_view, kPublicStates> kNames = {"inactive",  "activating",   "active",
                                                                  "reloading", "deactivating", "failed"};
  return kNames[static_cast<std::size_t>(state)];
}

std::string_view name(Reason reason) noexcept {
  switch (reason) {
    case Reason::None:
      return "none";
    case Reason::ExitCode:
      return "exit code";
    case Reason::Signal:
      return "signal";
    case Reason::PreStart:
      return "pre-start failed";
    case Reason::Setup:
      return "set-up failed";
    case Reason::Config:
      return "bad configuration";
    case Reason::StartTimeout:
      return "start timed out";
    case Reason::RestartLimit:
      return "ended too often";
    case Reason::Unkillable:
      return "survived KILL";
    case Reason::Cycle:
      return "lies on a dependency cycle";
    case Reason::NotLoaded:
      return "not loaded";
  }
  return "unknown";
}

}  // namespace init::core
