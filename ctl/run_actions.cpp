#include <algorithm>

#include "ctl/run.h"
#include "ctl/session.h"
#include "libinit/api/names.h"
#include "libinit/unit/names.h"

namespace init::ctl {
namespace {

api::Verb job_verb(std::string_view name) {
  if (name == "stop") return api::Verb::Stop;
  if (name == "restart") return api::Verb::Restart;
  if (name == "try-restart") return api::Verb::TryRestart;
  return name == "reload" ? api::Verb::Reload : api::Verb::Start;
}

bool went_well(const api::JobReply& job) {
  return job.outcome == api::Outcome::Done || job.outcome == api::Outcome::Skipped;
}

int show_job(const Request& request, Output& output, const api::Reply& reply) {
  const auto& job = std::get<api::JobReply>(reply);
  const bool good = went_well(job);
  if (request.json) {
    output.out += api::to_json(reply) + "\n";
  } else if (!good) {
    output.err += render_job(output.error_style, job);
  } else if (!request.quiet) {
    output.out +=
        request.no_block ? printable(output.style, job.unit) + ": accepted\n" : render_job(output.style, job);
  }
  return good ? kOk : kFailed;
}

int run_plan(const Request& request, Output& output) {
  api::PlanRequest plan{job_verb(request.verb), {}};
  for (const std::string& word : request.words) plan.units.push_back(unit::canonical_name(word));
  return ask_and_show<api::PlanReply>(request, output, std::move(plan), render_plan);
}

// Calls that answer with nothing but "accepted".
int ask_plainly(const Request& request, Output& output, const std::vector<api::OutgoingCall>& calls) {
  const Answers answers = ask(request, output, calls);
  int code = answers.code;
  for (const api::Answer& answer : answers.list) {
    if (const auto* error = std::get_if<api::CallError>(&answer)) {
      code = std::max(code, show_error(request, output, *error));
    } else if (request.json) {
      output.out += api::to_json(std::get<api::Reply>(answer)) + "\n";
    }
  }
  return code;
}

}  // namespace

int run_job(const Request& request, Output& output) {
  if (request.plan) return run_plan(request, output);
  std::vector<api::OutgoingCall> calls;
  const auto limit = request.timeout == kInfinity ? 0 : request.timeout / std::chrono::milliseconds(1);
  for (const std::string& word : request.words) {
    calls.push_back(
        {api::JobRequest{job_verb(request.verb), unit::canonical_name(word), request.no_block, limit},
         output.progress});
  }
  const Answers answers = ask(request, output, calls);
  int code = answers.code;
  for (const api::Answer& answer : answers.list) {
    const auto* error = std::get_if<api::CallError>(&answer);
    code = std::max(code, error != nullptr ? show_error(request, output, *error)
                                           : show_job(request, output, std::get<api::Reply>(answer)));
  }
  return code;
}

int run_kill(const Request& request, Output& output) {
  std::vector<api::OutgoingCall> calls;
  for (const std::string& word : request.words) {
    calls.push_back({api::KillRequest{unit::canonical_name(word), request.signal, request.whom}, false});
  }
  return ask_plainly(request, output, calls);
}

int run_trigger(const Request& request, Output& output) {
  std::vector<api::OutgoingCall> calls;
  for (const std::string& word : request.words)
    calls.push_back({api::TriggerRequest{unit::canonical_name(word)}, false});
  return ask_plainly(request, output, calls);
}

int run_reset_failed(const Request& request, Output& output) {
  std::vector<api::OutgoingCall> calls;
  for (const std::string& word : request.words)
    calls.push_back({api::ResetFailedRequest{unit::canonical_name(word)}, false});
  if (calls.empty()) calls.push_back({api::ResetFailedRequest{}, false});
  return ask_plainly(request, output, calls);
}

int run_daemon_reload(const Request& request, Output& output) {
  const Answers answers = ask(request, output, {{api::DaemonReloadRequest{}, false}});
  if (answers.list.empty()) return answers.code;
  if (const auto* error = std::get_if<api::CallError>(&answers.list[0]))
    return show_error(request, output, *error);
  const auto& reply = std::get<api::Reply>(answers.list[0]);
  const auto& reload = std::get<api::DaemonReloadReply>(reply);
  const bool bad =
      std::any_of(reload.diagnostics.begin(), reload.diagnostics.end(),
                  [](const api::Diagnostic& found) { return found.severity == api::Severity::Error; });
  if (request.json) {
    output.out += api::to_json(reply) + "\n";
  } else if (bad) {
    output.err += render_reload(output.error_style, reload);
  } else if (!request.quiet) {
    output.out += render_reload(output.style, reload);
  }
  return bad ? kFailed : kOk;
}

int run_renew(const Request& request, Output& output) {
  const int code = ask_plainly(request, output, {{api::RenewRequest{request.verb == "upgrade"}, false}});
  if (code != kOk || request.json || request.quiet) return code;
  const Answers answers = ask(request, output, {{api::SystemRequest{}, false}});
  if (answers.list.empty()) return answers.code;
  if (const auto* error = std::get_if<api::CallError>(&answers.list[0]))
    return show_error(request, output, *error);
  const auto& system = std::get<api::SystemReply>(std::get<api::Reply>(answers.list[0]));
  output.out += "initd " + printable(output.style, system.version) + " runs\n";
  return kOk;
}

int run_power(const Request& request, Output& output) {
  const api::PowerKind kind = api::by_name<api::PowerKind>(request.verb).value_or(api::PowerKind::Exit);
  return ask_plainly(request, output, {{api::PowerRequest{kind, request.exit_code}, false}});
}

}  // namespace init::ctl
