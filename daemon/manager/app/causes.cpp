// Views that explain: why, plan, and the end of a job.
#include <algorithm>
#include <set>

#include "daemon/manager/app/views.h"
#include "daemon/manager/app/wording.h"
#include "libinit/base/text.h"
#include "libinit/process/exit_status.h"

namespace init::manager {
namespace {

using Relation = core::Cause::Relation;

std::string link_text(const ViewContext& context, const core::Cause& cause) {
  const auto view = context.engine.view(cause.unit);
  switch (cause.relation) {
    case Relation::AskedBy:
      return "was asked for by uid " + std::to_string(cause.uid);
    case Relation::Boot:
      return "is what the machine boots to";
    case Relation::PulledBy:
      return "is wanted by " + name_of(context, cause.other);
    case Relation::HeldBy:
      if (cause.other == core::kNoUnit) return "was stopped on purpose";
      return (cause.kind == unit::DependencyKind::Conflicts ? "gave way to " : "was stopped together with ") +
             name_of(context, cause.other);
    default:
      return state_text(context, cause.unit, view);
  }
}

std::string next_event(const ViewContext& context, const std::vector<core::Cause>& chain) {
  for (const auto& cause : chain) {
    const auto view = context.engine.view(cause.unit);
    if (view.next_try != MonotonicTime::never()) {
      return name_of(context, cause.unit) + " is tried again in " +
             duration_text(view.next_try - monotonic_now());
    }
    if (view.limit != MonotonicTime::never()) {
      return "the time of " + name_of(context, cause.unit) + " is up in " +
             duration_text(view.limit - monotonic_now());
    }
  }
  return {};
}

const char* verb_name(core::PlanStep::Verb verb) {
  switch (verb) {
    case core::PlanStep::Verb::Start:
      return "start";
    case core::PlanStep::Verb::Stop:
      return "stop";
    case core::PlanStep::Verb::Reload:
      return "reload";
  }
  return "";
}

std::string outcome_message(const ViewContext& context, core::UnitIndex unit, core::JobOutcome outcome,
                            core::UnitIndex cause) {
  const std::string id = name_of(context, unit);
  const bool other = cause != core::kNoUnit && cause != unit;
  const std::string whose = name_of(context, other ? cause : unit);
  const core::UnitIndex about = other ? cause : unit;
  const auto view = context.engine.view(about);
  switch (outcome) {
    case core::JobOutcome::Done:
      if (view.state == core::PublicState::Failed)
        return id + " is down; it had failed: " + result_text(context, unit, view);
      return id + " is " + std::string(name(context.engine.view(unit).state));
    case core::JobOutcome::Failed:
      if (!other && core::is_up(view.phase)) return id + ": the reload failed";  // what is up has not failed
      return (other ? id + ": " : "") + whose + " failed: " + result_text(context, about, view);
    case core::JobOutcome::Blocked: {
      if (!other) return id + " is blocked: " + result_text(context, unit, view);
      return id + " is blocked: " + whose + " " + state_text(context, cause, view);
    }
    case core::JobOutcome::Canceled:
      return id + ": a later request took its place";
    case core::JobOutcome::Refused:
      return id + ": refused: " + (other ? whose + " does not allow it" : "not possible now");
    case core::JobOutcome::Skipped:
      return id + " was not started: " + (other ? whose + " is not active" : "a condition was not met");
    case core::JobOutcome::TimedOut:
      return id + " is still on its way";
  }
  return id;
}

std::string outcome_hint(const ViewContext& context, core::UnitIndex unit, core::JobOutcome outcome,
                         core::UnitIndex cause) {
  const std::string id = name_of(context, unit);
  switch (outcome) {
    case core::JobOutcome::Failed:
      return "initctl status " + id;
    case core::JobOutcome::Blocked:
      if (cause == core::kNoUnit || cause == unit) return "initctl why " + id;
      return id + " stays wanted and starts when that is up. Why: initctl why " + id +
             ". To let go: initctl stop " + id;
    case core::JobOutcome::TimedOut:
      return "initctl why " + id;
    default:
      return {};
  }
}

}  // namespace

api::WhyReply why_of(const ViewContext& context, core::UnitIndex unit) {
  api::WhyReply reply;
  const auto chain = context.engine.why(unit);
  for (const auto& cause : chain) {
    api::WhyLink link;
    link.unit = name_of(context, cause.unit);
    link.state = to_api(context.engine.view(cause.unit).state);
    link.text = link_text(context, cause);
    if (cause.other != core::kNoUnit) {
      link.relation = relation_of(cause.kind);
      link.where = where_of(context, cause.owner, cause.dependency);
    }
    reply.chain.push_back(std::move(link));
  }
  reply.next = next_event(context, chain);
  return reply;
}

api::PlanReply plan_of(const ViewContext& context, core::Verb verb,
                       const std::vector<core::UnitIndex>& units) {
  api::PlanReply reply;
  std::set<std::pair<core::PlanStep::Verb, core::UnitIndex>> seen;
  for (const core::UnitIndex unit : units) {
    const auto plan = context.engine.plan({0, verb, unit, 0, false}, monotonic_now());
    for (const auto& step : plan.steps) {
      if (!seen.insert({step.verb, step.unit}).second) continue;
      api::PlanStep shown;
      shown.verb = verb_name(step.verb);
      shown.unit = name_of(context, step.unit);
      shown.cause = name_of(context, step.cause);
      if (step.cause != core::kNoUnit) {
        shown.relation = relation_of(step.kind);
        shown.where = where_of(context, step.owner, step.dependency);
      }
      reply.steps.push_back(std::move(shown));
    }
    if (plan.outcome != core::JobOutcome::Done) {
      reply.notes.push_back(outcome_message(context, unit, plan.outcome, plan.cause));
    }
  }
  return reply;
}

bool explains(core::JobOutcome outcome) {
  return outcome == core::JobOutcome::Failed || outcome == core::JobOutcome::Blocked ||
         outcome == core::JobOutcome::TimedOut;
}

api::JobReply job_reply(const ViewContext& context, core::UnitIndex unit, core::JobOutcome outcome,
                        core::UnitIndex cause) {
  api::JobReply reply;
  reply.unit = name_of(context, unit);
  constexpr api::Outcome kOutcomes[] = {api::Outcome::Done,     api::Outcome::Failed,  api::Outcome::Blocked,
                                        api::Outcome::Canceled, api::Outcome::Refused, api::Outcome::Skipped,
                                        api::Outcome::TimedOut};
  reply.outcome = kOutcomes[static_cast<int>(outcome)];
  const core::UnitIndex about = cause == core::kNoUnit ? unit : cause;
  reply.cause = name_of(context, about);
  if (unit == core::kNoUnit) return reply;
  reply.message = outcome_message(context, unit, outcome, cause);
  reply.hint = outcome_hint(context, unit, outcome, cause);
  if (explains(outcome)) reply.status = status_of(context, about);
  return reply;
}

}  // namespace init::manager
