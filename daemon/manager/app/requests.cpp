#include "daemon/manager/app/requests.h"

#include "libinit/base/checksum.h"
#include "libinit/unit/names.h"

namespace init::manager {
namespace {

// How often a caller that asked for progress is told anew what it waits for.
constexpr Duration kFirstTell = std::chrono::milliseconds(200);
constexpr Duration kTellInterval = std::chrono::seconds(1);
// How long an answer waits for the logger at most: its disk may be slow.
constexpr Duration kLogPatience = std::chrono::milliseconds(500);

core::PowerKind to_core(api::PowerKind kind) {
  switch (kind) {
    case api::PowerKind::Exit:
      return core::PowerKind::Exit;
    case api::PowerKind::Poweroff:
      return core::PowerKind::Poweroff;
    case api::PowerKind::Reboot:
      return core::PowerKind::Reboot;
    case api::PowerKind::Halt:
      return core::PowerKind::Halt;
  }
  return core::PowerKind::Exit;
}

}  // namespace

core::Verb to_core(api::Verb verb) {
  switch (verb) {
    case api::Verb::Start:
      return core::Verb::Start;
    case api::Verb::Stop:
      return core::Verb::Stop;
    case api::Verb::Restart:
      return core::Verb::Restart;
    case api::Verb::TryRestart:
      return core::Verb::TryRestart;
    case api::Verb::Reload:
      return core::Verb::Reload;
  }
  return core::Verb::Start;
}

void Requests::handle(const control::Call& call, MonotonicTime now) {
  now_ = now;
  std::visit([this, &call](const auto& request) { answer(call, request); }, call.request);
}

std::optional<core::UnitIndex> Requests::find(const control::Call& call, const std::string& unit) {
  const std::string id = unit::canonical_name(unit);
  if (target_.view_context().configuration.aside.contains(fnv1a64(id))) {
    server_.error(call.id,
                  {api::ErrorKind::Failed, id, id + " is set aside, its processes are left as they are",
                   "initctl status says why; initctl reexec takes it back"});
    return std::nullopt;
  }
  const auto index = target_.engine().graph()->find(id);
  if (index && (target_.engine().graph()->is_loaded(*index) ||
                target_.engine().view(*index).state != core::PublicState::Inactive)) {
    return index;
  }
  server_.error(call.id,
                {api::ErrorKind::NoSuchUnit, id, "there is no unit " + id, "initctl list shows all units"});
  return std::nullopt;
}

bool Requests::answer_again(const control::Call& call, const Waiter& waiter) {
  const JournalEntry* entry = target_.find_request(call.request_id);
  if (entry == nullptr) return false;
  if (entry->state != JournalState::Done) {
    waiters_.emplace(entry->job.job, waiter);
  } else {
    const auto cause = target_.engine().graph()->find_tag(entry->job.cause);
    reply_finished(call.id, waiter.unit, entry->job.outcome, cause.value_or(core::kNoUnit));
  }
  return true;
}

void Requests::answer(const control::Call& call, const api::JobRequest& request) {
  const auto unit = find(call, request.unit);
  if (!unit) return;
  Waiter waiter{call.id, std::string(target_.engine().graph()->name(*unit)), call.more};
  waiter.tell_at = now_ + kFirstTell;
  if (request.timeout_ms > 0) waiter.deadline = now_ + std::chrono::milliseconds(request.timeout_ms);
  if (answer_again(call, waiter)) return;
  // The waiter stands before the engine is asked: the answer may come at once.
  const core::JobId job = target_.submit({0, to_core(request.verb), *unit, call.peer.uid, false},
                                         call.request_id, [&](core::JobId id) {
                                           if (!request.no_block) waiters_.emplace(id, waiter);
                                         });
  if (job == 0) {
    server_.error(call.id, {api::ErrorKind::Failed, "", "too many requests are pending",
                            "try again when some have ended"});
  } else if (request.no_block) {
    api::JobReply accepted;
    accepted.unit = accepted.cause = waiter.unit;
    accepted.message = waiter.unit + ": accepted";
    server_.reply(call.id, accepted);
  }
}

// For requests that are carried out at once: once per request_id, and answered each time.
bool Requests::done_before(const control::Call& call) {
  const bool done = target_.find_request(call.request_id) != nullptr;
  if (done) server_.reply(call.id, api::EmptyReply{});
  return done;
}

void Requests::answer(const control::Call& call, const api::PowerRequest& request) {
  if (done_before(call)) return;
  server_.reply(call.id, api::EmptyReply{});
  target_.submit_shutdown({to_core(request.kind), request.exit_code, call.peer.uid}, call.request_id);
}

void Requests::answer(const control::Call& call, const api::ResetFailedRequest& request) {
  const auto reset = [this, &call](core::UnitIndex unit) {
    (void)target_.submit({0, core::Verb::ResetFailed, unit, call.peer.uid, false}, {}, {});
  };
  if (!request.unit.empty()) {
    const auto unit = find(call, request.unit);
    if (!unit) return;
    reset(*unit);
  } else {
    for (core::UnitIndex unit = 0; unit < target_.engine().graph()->size(); ++unit) {
      if (target_.engine().view(unit).state == core::PublicState::Failed) reset(unit);
    }
  }
  server_.reply(call.id, api::EmptyReply{});
}

void Requests::answer(const control::Call& call, const api::KillRequest& request) {
  const auto unit = find(call, request.unit);
  if (!unit || done_before(call)) return;
  if (target_.signal(*unit, request.signal, request.whom == api::Whom::All)) {
    target_.remember(call.request_id);
    server_.reply(call.id, api::EmptyReply{});
  } else {
    server_.error(call.id,
                  {api::ErrorKind::Failed, request.unit, request.unit + " has no process to signal", ""});
  }
}

void Requests::answer(const control::Call& call, const api::TriggerRequest& request) {
  const auto unit = find(call, request.unit);
  if (!unit || done_before(call)) return;
  if (target_.told_ready(*unit, unit::ProbeKind::Trigger)) {
    target_.remember(call.request_id);
    server_.reply(call.id, api::EmptyReply{});
  } else {
    const std::string name(target_.engine().graph()->name(*unit));
    server_.error(call.id, {api::ErrorKind::Failed, name, name + " does not wait to be told that it is ready",
                            "it must be on its way up, with trigger = true in [ready]"});
  }
}

void Requests::answer(const control::Call& call, const api::DaemonReloadRequest&) {
  target_.reload([this, id = call.id](const Result<api::DaemonReloadReply>& reply) {
    if (reply) return server_.reply(id, *reply);
    server_.error(id,
                  {api::ErrorKind::Failed, "", reply.error().text(), "the units in force stay as they were"});
  });
}

// Who asked is answered by the next manager, to which it comes again.
void Requests::answer(const control::Call& call, const api::RenewRequest& request) {
  const auto refuse = [this, id = call.id](const std::string& why) {
    server_.error(id, {api::ErrorKind::Failed, "", why, "what ran before still runs: initctl logs initd"});
  };
  if (target_.find_request(call.request_id) != nullptr) {
    if (!target_.is_renewed()) return refuse("the kernel refused to execute initd anew");
    return server_.reply(call.id, api::EmptyReply{});
  }
  const auto begun = target_.renew(request.from_disk, call.request_id,
                                   [refuse](const Error& error) { refuse(error.text()); });
  if (!begun) refuse(begun.error().text());
}

void Requests::answer(const control::Call& call, const api::PlanRequest& request) {
  std::vector<core::UnitIndex> units;
  for (const auto& name : request.units) {
    const auto unit = find(call, name);
    if (!unit) return;
    units.push_back(*unit);
  }
  server_.reply(call.id, plan_of(target_.view_context(), to_core(request.verb), units));
}

void Requests::answer(const control::Call& call, const api::WhyRequest& request) {
  if (const auto unit = find(call, request.unit))
    server_.reply(call.id, why_of(target_.view_context(), *unit));
}

void Requests::answer(const control::Call& call, const api::StatusRequest& request) {
  if (const auto unit = find(call, request.unit))
    target_.show(call.id, api::Method::Status, status_of(target_.view_context(), *unit));
}

void Requests::answer(const control::Call& call, const api::SystemRequest&) {
  server_.reply(call.id, system_of(target_.view_context()));
}

void Requests::answer(const control::Call& call, const api::ListRequest& request) {
  server_.reply(call.id, list_of(target_.view_context(), request));
}

void Requests::answer(const control::Call& call, const api::CatRequest& request) {
  if (const auto unit = find(call, request.unit))
    target_.show(call.id, api::Method::Cat, cat_of(target_.view_context(), *unit));
}

void Requests::answer(const control::Call& call, const api::HistoryRequest& request) {
  std::string id;
  if (!request.unit.empty()) {
    const auto unit = find(call, request.unit);
    if (!unit) return;
    id = target_.engine().graph()->name(*unit);
  }
  server_.reply(call.id, target_.history(id, request.raw));
}

void Requests::reply_finished(control::CallId call, const std::string& unit, core::JobOutcome outcome,
                              core::UnitIndex cause) {
  const auto index = target_.engine().graph()->find(unit);
  auto reply = job_reply(target_.view_context(), index.value_or(core::kNoUnit), outcome, cause);
  if (reply.status) return target_.show(call, api::Method::Start, std::move(reply));  // as of all jobs
  server_.reply(call, std::move(reply));
}

void Requests::finished(const core::JobFinished& job) {
  const auto [first, last] = waiters_.equal_range(job.job);
  for (auto at = first; at != last; ++at) {
    if (!at->second.unit.empty()) explain(at->second.call, at->second.unit, job);
  }
  waiters_.erase(first, last);
}

void Requests::explain(control::CallId call, const std::string& unit, const core::JobFinished& job) {
  const auto& graph = *target_.engine().graph();
  const auto about = job.cause == core::kNoUnit ? graph.find(unit) : std::optional(job.cause);
  if (!explains(job.outcome) || !about || !target_.flush_log(*about))
    return reply_finished(call, unit, job.outcome, job.cause);
  explanations_.push_back({call, unit, job.outcome, graph.tag(*about), monotonic_now() + kLogPatience});
}

void Requests::explain_those(const std::function<bool(const Explanation&)>& due) {
  std::erase_if(explanations_, [this, &due](const Explanation& one) {
    if (!due(one)) return false;
    const auto cause = target_.engine().graph()->find_tag(one.about);
    reply_finished(one.call, one.unit, one.outcome, cause.value_or(core::kNoUnit));
    return true;
  });
}

void Requests::logged(std::uint64_t tag) {
  explain_those([tag](const Explanation& one) { return one.about == tag; });
}

void Requests::dropped(control::CallId call) {
  // The request stays in force, and its answer in the journal for a caller that comes back.
  std::erase_if(waiters_, [call](const auto& entry) { return entry.second.call == call; });
  std::erase_if(explanations_, [call](const auto& one) { return one.call == call; });
}

void Requests::tell(MonotonicTime now) {
  explain_those([now](const Explanation& one) { return one.deadline <= now; });
  for (auto at = waiters_.begin(); at != waiters_.end();) {
    Waiter& waiter = at->second;
    const auto unit = target_.engine().graph()->find(waiter.unit);
    if (unit && waiter.deadline <= now) {
      reply_finished(waiter.call, waiter.unit, core::JobOutcome::TimedOut, core::kNoUnit);
      at = waiters_.erase(at);
      continue;
    }
    if (unit && waiter.more && now >= waiter.tell_at) {
      waiter.tell_at = now + kTellInterval;
      api::JobReply progress;
      progress.unit = waiter.unit;
      progress.outcome = api::Outcome::Running;
      progress.progress = progress_of(target_.view_context(), *unit);
      server_.reply(waiter.call, progress, true);
    }
    ++at;
  }
}

MonotonicTime Requests::next_deadline() const {
  MonotonicTime next = MonotonicTime::never();
  for (const auto& one : explanations_) next = std::min(next, one.deadline);
  for (const auto& [job, waiter] : waiters_) {
    next = std::min(next, waiter.deadline);
    if (waiter.more) next = std::min(next, waiter.tell_at);
  }
  return next;
}

}  // namespace init::manager
