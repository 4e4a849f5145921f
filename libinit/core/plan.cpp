// The plan: the engine itself, run forward on a copy in a world where everything goes well.
#include <deque>
#include <map>
#include <set>

#include "libinit/core/engine.h"
#include "libinit/core/wishes.h"
#include "libinit/core/world.h"

namespace init::core {
namespace {

constexpr JobId kPlanJob = ~JobId{0};

// Answers each action with the event of success, and notes what is begun, in order.
class Foresight final : public ActionSink {
 public:
  Foresight(const World& world, UnitIndex asked) : world_(world), asked_(asked) {
    for (UnitIndex unit = 0; unit < world.units.size(); ++unit) foresee(unit);
  }

  void emit(const Action& action) override {
    std::visit([this](const auto& a) { on(a); }, action);
  }

  [[nodiscard]] bool next(Event& event) {
    if (events_.empty()) return false;
    event = events_.front();
    events_.pop_front();
    return true;
  }
  [[nodiscard]] Plan take() { return std::move(plan_); }

 private:
  // What is already under way comes to its end too.
  void foresee(UnitIndex unit) {
    const UnitRecord& record = world_.units[unit];
    const bool begun = is_up(record.state) || is_starting(record.state);
    last_.push_back(begun ? PlanStep::Verb::Start : PlanStep::Verb::Stop);
    if (is_starting(record.state))  // stale, if it waits for no next try
      events_.push_back(TimerFired{unit, TimerKind::Restart, serial_of(record, TimerKind::Restart)});
    if (is_starting(record.state) && record.main_attempt != 0)
      succeed(unit, record.main_attempt, record.state);
    if (record.state == State::PostStart && record.control_attempt != 0)
      exit(unit, record.control_attempt, false);
    if (is_stopping(record.state) && record.state != State::StopWaiting) end(unit);
  }

  void exit(UnitIndex unit, Attempt attempt, bool group_empty) {
    events_.push_back(Exited{unit, attempt, {Exit::Kind::Code, 0}, group_empty});
  }

  void succeed(UnitIndex unit, Attempt attempt, State state) {
    events_.push_back(Spawned{unit, attempt, 1});
    const bool forking = world_.graph->policy(unit).type == unit::ServiceType::Forking;
    const bool found = has_flag(world_.units[unit], kFound);
    switch (state) {
      case State::Starting:
      case State::Forking:
        events_.push_back(ExecSucceeded{unit, attempt});
        if (forking && !found) return exit(unit, attempt, false);
        [[fallthrough]];
      case State::Readying:
        events_.push_back(Notified{unit, attempt, Notified::What::Ready});
        return events_.push_back(NameOwned{unit, true});
      case State::PostStart:
        return;
      default:
        return exit(unit, attempt, true);
    }
  }

  void end(UnitIndex unit) {
    const UnitRecord& record = world_.units[unit];
    if (record.control_attempt != 0)
      events_.push_back(Exited{unit, record.control_attempt, {Exit::Kind::Code, 0}});
    if (record.main_attempt != 0) events_.push_back(Exited{unit, record.main_attempt, {Exit::Kind::Code, 0}});
    events_.push_back(GroupEmpty{unit});
  }

  void on(const Spawn& a) {
    if (a.role == Role::Reload && a.step == 0) plan_.steps.push_back(step(a.unit, PlanStep::Verb::Reload));
    if (a.role == Role::PreStop || a.role == Role::Stop) note(a.unit, PlanStep::Verb::Stop);
    if (!is_main(a.role)) return exit(a.unit, a.attempt, world_.units[a.unit].main_attempt == 0);
    note(a.unit, PlanStep::Verb::Start);
    succeed(a.unit, a.attempt, world_.units[a.unit].state);
  }
  void on(const WatchMain& a) { succeed(a.unit, a.attempt, State::Forking); }
  void on(const Probe& a) {
    if (a.which == ProbeOf::Ready) events_.push_back(Probed{a.unit, a.attempt, a.which, a.serial, true});
  }
  // In the plan no time passes: a question that waits for its time is answered by it, and the next try comes,
  // once: what runs again and again would never end.
  void on(const ArmTimer& a) {
    const State state = world_.units[a.unit].state;
    const bool again = state == State::Backoff || state == State::LongBackoff;
    const bool awaited =
        again ? tried_.insert(a.unit).second : state == State::Readying || state == State::Idling;
    if (awaited && a.kind != TimerKind::Phase) events_.push_back(TimerFired{a.unit, a.kind, a.serial});
  }
  void on(const Signal& a) {
    if (is_up(world_.units[a.unit].state)) return plan_.steps.push_back(step(a.unit, PlanStep::Verb::Reload));
    note(a.unit, PlanStep::Verb::Stop);
    end(a.unit);
  }
  void on(const KillGroup& a) {
    note(a.unit, PlanStep::Verb::Stop);
    end(a.unit);
  }
  void on(const StateChanged& a) {
    if (a.to == PublicState::Active) note(a.unit, PlanStep::Verb::Start);
    if (a.from == PublicState::Deactivating) note(a.unit, PlanStep::Verb::Stop);
  }
  void on(const JobFinished& a) {
    if (a.job != kPlanJob) return;
    plan_.outcome = a.outcome;
    plan_.cause = a.cause;
  }
  void on(const CancelTimer&) {}
  void on(const Power&) {}

  void note(UnitIndex unit, PlanStep::Verb verb) {
    if (last_[unit] == verb) return;
    last_[unit] = verb;
    plan_.steps.push_back(step(unit, verb));
  }

  [[nodiscard]] PlanStep step(UnitIndex unit, PlanStep::Verb verb) const {
    PlanStep step;
    step.verb = verb;
    step.unit = unit;
    if (unit == asked_ || find_planned(unit, step)) return step;
    verb == PlanStep::Verb::Stop ? find_stopping(unit, step) : find_starting(unit, step);
    return step;
  }

  bool set_cause(PlanStep& step, UnitIndex owner, UnitIndex other, std::uint16_t atoms) const {
    const Link* link = find_link(world_, owner, other, atoms);
    if (link == nullptr) return false;
    step.cause = owner == step.unit ? other : owner;
    step.owner = owner;
    step.kind = link->kind;
    step.dependency = link->dependency;
    return true;
  }

  // What this plan has stopped comes back for the same reason; what is reloaded is so with another.
  bool find_planned(UnitIndex unit, PlanStep& step) const {
    for (const PlanStep& earlier : plan_.steps) {
      if (earlier.unit == unit && step.verb == PlanStep::Verb::Start) {
        step.cause = earlier.cause;
        step.kind = earlier.kind;
        step.owner = earlier.owner;
        step.dependency = earlier.dependency;
        return true;
      }
      const bool together = step.verb == PlanStep::Verb::Reload && earlier.verb == PlanStep::Verb::Reload;
      if (together && set_cause(step, unit, earlier.unit, static_cast<std::uint16_t>(Atom::ReloadsWith))) {
        return true;
      }
    }
    return false;
  }

  // It follows something that stops, or something that must not be up together with it is wanted.
  void find_stopping(UnitIndex unit, PlanStep& step) const {
    for (const Link& link : world_.graph->says(unit)) {
      const bool follows = has(link.kind, Atom::StopsWith) && is_stopping(world_.units[link.unit].state);
      if (follows && set_cause(step, unit, link.unit, kStoppingAtoms)) return;
    }
    find_recorded(unit, step, kStoppingAtoms);
  }

  // Whoever pulls it: the one that did so first, else the one that was asked for, else any that is wanted.
  void find_starting(UnitIndex unit, PlanStep& step) const {
    if (find_recorded(unit, step, kStartingAtoms)) return;
    for (const bool asked : {true, false}) {
      for (const Link& link : world_.graph->said_of(unit)) {
        const bool pulls = is_reason(link.kind) && world_.units[link.unit].goal == Goal::Up;
        if (!pulls || (asked && link.unit != asked_)) continue;
        set_cause(step, link.unit, unit, kStartingAtoms);
        return;
      }
    }
  }

  bool find_recorded(UnitIndex unit, PlanStep& step, std::uint16_t atoms) const {
    const auto cause = world_.graph->find_tag(world_.units[unit].cause);
    if (!cause) return false;
    if (set_cause(step, *cause, unit, atoms) || set_cause(step, unit, *cause, atoms)) return true;
    step.cause = *cause;
    return true;
  }

  const World& world_;
  UnitIndex asked_;
  std::vector<PlanStep::Verb> last_;
  std::set<UnitIndex> tried_;
  std::deque<Event> events_;
  Plan plan_;
};

}  // namespace

Plan Engine::plan(const Requested& request, MonotonicTime now) const {
  Engine copy(*this);
  Foresight foresight(*copy.world_, request.unit);
  Requested asked = request;
  asked.job = kPlanJob;
  copy.handle(asked, now, foresight);
  for (Event event; foresight.next(event);) copy.handle(event, now, foresight);
  return foresight.take();
}

}  // namespace init::core
