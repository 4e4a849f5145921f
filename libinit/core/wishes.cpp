#include "libinit/core/wishes.h"

#include "libinit/core/ending.h"
#include "libinit/core/gates.h"

namespace init::core {
namespace {

struct Wish {
  UnitIndex unit, cause;
  bool later = false;  // it prepares another: its turn comes when that one's has
};

struct Order {
  UnitIndex unit, cause;
  Stop stop;
};

std::uint64_t tag_or_zero(const World& world, UnitIndex unit) {
  return unit == kNoUnit ? 0 : world.graph->tag(unit);
}

void forget_failures(UnitRecord& record) {
  record.backoff = 0;
  record.restarts = 0;
  record.window_ns = 0;
  record.window_count = 0;
  record.spawn_failures = 0;
  set_flag(record, kAnnounced, false);
}

// In one walk, whoever comes first wins: what was asked for is not stopped by what it pulls in.
bool excluded_by_walk(const World& world, UnitIndex unit) {
  const auto met = [&](const Link& link) {
    return has(link.kind, Atom::Excludes) && world.derived[link.unit].stamp == world.walk;
  };
  for (const Link& link : world.graph->says(unit)) {
    if (met(link)) return true;
  }
  for (const Link& link : world.graph->said_of(unit)) {
    if (met(link)) return true;
  }
  return false;
}

void stop_excluded(World& world, UnitIndex unit) {
  const auto stop = [&](const Link& link) {
    if (!has(link.kind, Atom::Excludes)) return;
    const UnitRecord& other = world.units[link.unit];
    if (other.goal == Goal::Up || !is_down(other.state)) take_down(world, link.unit, Stop::Hold, unit);
  };
  for (const Link& link : world.graph->says(unit)) stop(link);
  for (const Link& link : world.graph->said_of(unit)) stop(link);
}

void set_wanted(World& world, const Wish& wish) {
  finish_jobs(world, wish.unit, kStops, JobOutcome::Canceled, wish.cause == kNoUnit ? wish.unit : wish.cause);
  UnitRecord& record = world.edit(wish.unit);
  if (record.goal != Goal::Up) record.cause = tag_or_zero(world, wish.cause);
  record.goal = Goal::Up;
  world.touch_watchers(wish.unit);
  world.touch(wish.unit);
}

// A request makes it try again at once, whatever came before.
void try_again(World& world, UnitIndex unit) {
  UnitRecord& record = world.edit(unit);
  switch (record.state) {
    case State::Blocked:
      return enter(world, unit, State::Waiting);  // who waits for it is not blocked before it is looked at
    case State::Failed:
    case State::Backoff:
    case State::LongBackoff:
      forget_failures(record);
      set_flag(record, kDone, false);  // whoever needs it waits for the run that comes now
      return enter(world, unit, State::Waiting);
    default:
      if (is_stopping(record.state)) record.end = End::Asked;
      return;
  }
}

// A walk from the unit over all that starting it pulls in. A request also clears the way for what prepares it
// and tries that again where it has failed.
class Walk {
 public:
  Walk(World& world, bool asked) : world_(world), asked_(asked) { ++world.walk; }

  void from(UnitIndex unit, UnitIndex cause) {
    visit({unit, cause});
    for (std::size_t next = 0; next < queue_.size(); ++next) {
      const Wish wish = queue_[next];
      for (const Link& link : world_.graph->says(wish.unit)) {
        const bool later = has(link.kind, Atom::RunsAnew);
        if (has(link.kind, Atom::PullsStart) || (asked_ && later)) visit({link.unit, wish.unit, later});
      }
    }
  }

 private:
  [[nodiscard]] bool has_failed(UnitIndex unit) const {
    const State state = world_.units[unit].state;
    return state == State::Failed || state == State::LongBackoff || state == State::Blocked;
  }

  void visit(const Wish& wish) {
    Derived& derived = world_.derived[wish.unit];
    const bool first = queue_.empty();
    if (derived.stamp == world_.walk && (wish.later || world_.units[wish.unit].goal == Goal::Up)) return;
    if (!first && !is_wanted_here(wish)) return;
    if (derived.stamp != world_.walk) queue_.push_back(wish);
    derived.stamp = world_.walk;
    stop_excluded(world_, wish.unit);
    if (wish.later && !has_failed(wish.unit)) return let_go(wish.unit);
    set_wanted(world_, wish);
    asked_ ? try_again(world_, wish.unit) : restart(wish.unit);
  }

  // What was stopped on purpose may run again when its turn comes, as often as it may at first: whoever keeps
  // it up does not have to wait.
  void let_go(UnitIndex unit) {
    if (world_.units[unit].goal != Goal::Held) return;
    UnitRecord& record = world_.edit(unit);
    record.goal = Goal::Idle;
    forget_failures(record);
    world_.touch(unit);
    world_.touch_watchers(unit);
  }

  // Whatever ran before starts anew by itself: that is a restart, and counts as one.
  void restart(UnitIndex unit) {
    const UnitRecord& record = world_.units[unit];
    const bool ran = record.started_ns != 0 || record.backoff != 0;
    if (ran && record.state == State::Inactive) schedule_restart(world_, unit);
  }

  [[nodiscard]] bool is_wanted_here(const Wish& wish) const {
    if (excluded_by_walk(world_, wish.unit)) return false;
    if (wish.later) return true;
    const UnitRecord& record = world_.units[wish.unit];
    if (record.goal != Goal::Up && is_usable(world_, wish.unit) && !has_flag(record, kSkipped))
      return false;  // a oneshot that has done its work
    return asked_ || may_pull(world_, wish.unit);
  }

  World& world_;
  bool asked_;
  std::vector<Wish> queue_;
};

// Does the stop of a unit reach the one that says `link` of it, and how?
std::optional<Stop> spread(const Link& link, Stop stop) {
  if (!has(link.kind, Atom::StopsWith)) return std::nullopt;
  const bool for_good = has(link.kind, Atom::StopsForGood) && stop != Stop::Suspend;
  return for_good ? Stop::Hold : Stop::Suspend;
}

Goal goal_after(Stop stop, Goal now) {
  switch (stop) {
    case Stop::Suspend:
      return now;
    case Stop::Hold:
      return Goal::Held;
    case Stop::Release:
      return Goal::Idle;
  }
  return now;
}

// True if there was something to stop or a wish to end: then the stop spreads.
bool stop_one(World& world, const Order& order) {
  const UnitRecord& before = world.units[order.unit];
  const Goal goal = goal_after(order.stop, before.goal);
  const State state = before.state;
  const bool was_wanted = before.goal == Goal::Up;
  // An admin's word stands above that of a unit, which may take its own back.
  if (goal != before.goal || (order.cause == kNoUnit && before.cause != 0)) {
    if (order.cause != kNoUnit) finish_jobs(world, order.unit, kStarts, JobOutcome::Canceled, order.cause);
    UnitRecord& record = world.edit(order.unit);
    record.goal = goal;
    record.cause = tag_or_zero(world, order.cause);
    set_flag(record, kByAdmin, false);
    set_flag(record, kByBoot, false);
    world.touch_watchers(order.unit);
  }
  if (is_up(state) || is_starting(state)) {
    UnitRecord& record = world.edit(order.unit);
    record.end = End::Asked;
    if (world.graph->policy(order.unit).oneshot) set_flag(record, kDone, false);
    finish_jobs(world, order.unit, kReloads, JobOutcome::Canceled,
                order.cause == kNoUnit ? order.unit : order.cause);
    enter(world, order.unit, State::StopWaiting);
    return true;
  }
  if (is_stopping(state)) {
    const bool asked = goal != Goal::Up || order.cause == kNoUnit;
    if (asked && before.end != End::Asked) world.edit(order.unit).end = End::Asked;
  } else if (goal != Goal::Up && state != State::Failed && state != State::Inactive) {
    enter(world, order.unit, State::Inactive);
  }
  return was_wanted && goal != Goal::Up;
}

// Whatever only `unit` needed goes with it; so does the wish for what is blocked by a mere check.
void release_unneeded(World& world, UnitIndex unit, std::vector<Order>& queue) {
  for (const Link& link : world.graph->says(unit)) {
    if (!is_reason(link.kind) || world.units[link.unit].goal != Goal::Up) continue;
    if (world.units[link.unit].state == State::Blocked) world.touch(link.unit);
    if (!world.graph->stops_when_unneeded(link.unit) || is_needed(world, link.unit)) continue;
    queue.push_back({link.unit, unit, Stop::Release});
  }
}

void take_all_down(World& world, std::vector<Order> queue) {
  for (std::size_t next = 0; next < queue.size(); ++next) {
    const Order order = queue[next];
    if (!stop_one(world, order)) continue;
    for (const Link& link : world.graph->said_of(order.unit)) {
      if (const auto further = spread(link, order.stop)) queue.push_back({link.unit, order.unit, *further});
    }
    release_unneeded(world, order.unit, queue);
  }
}

}  // namespace

void want(World& world, UnitIndex unit, std::uint16_t flags, UnitIndex cause) {
  UnitRecord& record = world.edit(unit);
  if (is_down(record.state)) {
    set_flag(record, kDone, false);
    set_flag(record, kSkipped, false);
    forget_failures(record);
  }
  set_flag(record, flags, true);
  Walk(world, true).from(unit, cause);
}

void pull(World& world, UnitIndex unit, UnitIndex cause) {
  Walk(world, false).from(unit, cause);
}

void take_down(World& world, UnitIndex unit, Stop stop, UnitIndex cause) {
  take_all_down(world, {{unit, cause, stop}});
}

void suspend_bound(World& world, UnitIndex unit) {
  for (const Link& link : world.graph->said_of(unit)) {
    if (has(link.kind, Atom::FollowsExit)) take_down(world, link.unit, Stop::Suspend, unit);
  }
}

void fulfil(World& world, UnitIndex unit) {
  UnitRecord& record = world.edit(unit);
  record.goal = Goal::Idle;
  record.cause = 0;
  set_flag(record, kByAdmin, false);
  set_flag(record, kByBoot, false);
  enter(world, unit, State::Inactive);
  std::vector<Order> unneeded;
  release_unneeded(world, unit, unneeded);
  take_all_down(world, std::move(unneeded));
}

void run_anew(World& world, UnitIndex unit, UnitIndex cause) {
  if (is_up(world.units[unit].state) && !world.graph->policy(unit).oneshot) return;
  UnitRecord& record = world.edit(unit);
  set_flag(record, kDone, false);
  set_flag(record, kSkipped, false);
  if (is_starting(record.state)) return set_flag(record, kRerun, world.graph->policy(unit).oneshot);
  set_wanted(world, {unit, cause});
  if (record.state != State::Up) return;
  record.end = End::Asked;
  enter(world, unit, State::StopWaiting);
}

bool is_reason(unit::DependencyKind kind) {
  return has(kind, Atom::PullsStart) || has(kind, Atom::RunsAnew);
}

bool is_needed(const World& world, UnitIndex unit) {
  const UnitRecord& record = world.units[unit];
  if (has_flag(record, kByAdmin) || has_flag(record, kByBoot)) return true;
  for (const Link& link : world.graph->said_of(unit)) {
    if (is_reason(link.kind) && world.units[link.unit].goal == Goal::Up) return true;
  }
  return false;
}

const Link* find_link(const World& world, UnitIndex owner, UnitIndex unit, std::uint16_t wanted) {
  const Link* any = nullptr;
  for (const Link& link : world.graph->says(owner)) {
    if (link.unit != unit) continue;
    if ((atoms(link.kind) & wanted) != 0) return &link;
    if (any == nullptr) any = &link;
  }
  return any;
}

UnitIndex upholder(const World& world, UnitIndex unit) {
  for (const Link& link : world.graph->said_of(unit)) {
    if (has(link.kind, Atom::KeepsUp) && is_up(world.units[link.unit].state)) return link.unit;
  }
  return kNoUnit;
}

}  // namespace init::core
