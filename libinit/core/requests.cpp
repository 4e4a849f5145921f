#include "libinit/core/requests.h"

#include "libinit/core/service.h"
#include "libinit/core/shutdown.h"
#include "libinit/core/wishes.h"

namespace init::core {
namespace {

Job job_of(const Requested& request) {
  Job job;
  job.id = request.job;
  job.verb = static_cast<JobVerb>(request.verb);
  job.unit = request.unit;
  job.uid = request.uid;
  return job;
}

void answer(World& world, const Requested& request, JobOutcome outcome) {
  if (request.job != 0) finish_job(world, job_of(request), outcome, request.unit);
}

bool is_refused(const World& world, const Requested& request) {
  const bool starts =
      request.verb == Verb::Start || request.verb == Verb::Restart || request.verb == Verb::TryRestart;
  const bool stops =
      request.verb == Verb::Stop || request.verb == Verb::Restart || request.verb == Verb::TryRestart;
  if (world.shutdown && (starts || request.verb == Verb::Reload)) return true;
  if (request.boot) return false;
  return (starts && world.graph->refuses_start(request.unit)) ||
         (stops && world.graph->refuses_stop(request.unit));
}

void start(World& world, const Requested& request) {
  if (!request.boot) world.edit(request.unit).admin_uid = request.uid;
  want(world, request.unit, request.boot ? kByBoot : kByAdmin, kNoUnit);
  add_job(world, job_of(request));  // after what was to be stopped for it, which may have taken it along
}

void stop(World& world, const Requested& request) {
  finish_jobs(world, request.unit, kStarts, JobOutcome::Canceled, request.unit);
  finish_jobs(world, request.unit, kReloads, JobOutcome::Canceled, request.unit);
  add_job(world, job_of(request));
  world.edit(request.unit).admin_uid = request.uid;
  take_down(world, request.unit, Stop::Hold, kNoUnit);
}

// The manager died when the records of this request counted and its job did not yet; twice would be once too
// often.
bool is_told_again(const World& world, const Requested& request) {
  const UnitRecord& record = world.units[request.unit];
  return request.job != 0 && record.request == request.job && record.goal == Goal::Up;
}

void restart(World& world, const Requested& request) {
  const State state = world.units[request.unit].state;
  const bool again = is_told_again(world, request);
  if (!again && request.verb == Verb::TryRestart && !is_up(state) && !is_starting(state)) {
    return answer(world, request, JobOutcome::Done);
  }
  Job job = job_of(request);
  if (again ? is_stopping(state) : !is_down(state)) job.phase = JobPhase::Pending;
  if (again) return add_job(world, job);
  UnitRecord& record = world.edit(request.unit);
  record.request = request.job;
  record.admin_uid = request.uid;
  want(world, request.unit, kByAdmin, kNoUnit);
  take_down(world, request.unit, Stop::Suspend, kNoUnit);
  add_job(world, job);
}

bool is_reloading(State state) {
  return state == State::Reloading || state == State::SelfReloading;
}

bool can_reload(const World& world, UnitIndex unit) {
  const Policy& policy = world.graph->policy(unit);
  const State state = world.units[unit].state;
  if (state == State::Running) return policy.reload_signal != 0 || !policy.steps_of(Role::Reload).empty();
  return is_reloading(state);
}

// Whatever says reload-with of it is reloaded too, and so on.
std::vector<UnitIndex> reloaded_with(World& world, UnitIndex unit) {
  std::vector<UnitIndex> all = {unit};
  world.derived[unit].stamp = ++world.walk;
  for (std::size_t next = 0; next < all.size(); ++next) {
    for (const Link& link : world.graph->said_of(all[next])) {
      if (!has(link.kind, Atom::ReloadsWith) || world.derived[link.unit].stamp == world.walk) continue;
      world.derived[link.unit].stamp = world.walk;
      all.push_back(link.unit);
    }
  }
  return all;
}

void reload(World& world, const Requested& request) {
  if (!can_reload(world, request.unit)) return answer(world, request, JobOutcome::Refused);
  Job job = job_of(request);
  if (is_reloading(world.units[request.unit].state)) job.phase = JobPhase::Pending;
  add_job(world, job);
  for (const UnitIndex unit : reloaded_with(world, request.unit)) {
    if (!is_reloading(world.units[unit].state) && can_reload(world, unit)) begin_reload(world, unit);
  }
}

void reset_failed(World& world, const Requested& request) {
  UnitRecord& record = world.edit(request.unit);
  record.backoff = 0;
  record.restarts = 0;
  record.window_count = 0;
  set_flag(record, kAnnounced, false);
  if (record.state == State::Failed) {
    if (!has_leftover(world, request.unit)) record.reason = Reason::None;
    record.goal == Goal::Up ? fulfil(world, request.unit) : enter(world, request.unit, State::Inactive);
  }
  answer(world, request, JobOutcome::Done);
}

}  // namespace

void on_request(World& world, const Requested& request) {
  if (is_refused(world, request)) return answer(world, request, JobOutcome::Refused);
  switch (request.verb) {
    case Verb::Start:
      return start(world, request);
    case Verb::Stop:
      return stop(world, request);
    case Verb::Restart:
    case Verb::TryRestart:
      return restart(world, request);
    case Verb::Reload:
      return reload(world, request);
    case Verb::ResetFailed:
      return reset_failed(world, request);
  }
}

void on_shutdown_request(World& world, const ShutdownRequested& request) {
  Job job;
  job.id = request.job;
  job.verb = JobVerb::Shutdown;
  job.uid = request.uid;
  add_job(world, job);
  begin_shutdown(world, request.kind);
}

}  // namespace init::core
