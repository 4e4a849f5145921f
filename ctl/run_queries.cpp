#include <algorithm>

#include "ctl/run.h"
#include "ctl/session.h"
#include "libinit/api/names.h"
#include "libinit/unit/names.h"

namespace init::ctl {
namespace {

Answers ask_status(const Request& request, Output& output) {
  std::vector<api::OutgoingCall> calls;
  for (const std::string& word : request.words)
    calls.push_back({api::StatusRequest{unit::canonical_name(word)}, false});
  return ask(request, output, calls);
}

bool is_up(api::State state) {
  return state == api::State::Active || state == api::State::Reloading;
}

int show_status_error(const Request& request, Output& output, const api::CallError& error) {
  const int code = show_error(request, output, error);
  return code == kNoSuchUnit ? kStatusUnknown : code;
}

// One word for each unit, as is-active and is-failed print it. good: what counts as yes.
int print_states(const Request& request, Output& output, bool (*good)(api::State), int code_of_no) {
  const Answers answers = ask_status(request, output);
  int code = answers.code;
  for (const api::Answer& answer : answers.list) {
    if (const auto* error = std::get_if<api::CallError>(&answer)) {
      code = std::max(code, show_status_error(request, output, *error));
      continue;
    }
    const auto& status = std::get<api::Status>(std::get<api::Reply>(answer));
    if (!good(status.state)) code = std::max(code, code_of_no);
    if (request.json) {
      output.out += api::to_json(std::get<api::Reply>(answer)) + "\n";
    } else if (!request.quiet) {
      output.out += std::string(api::name_of(status.state)) + "\n";
    }
  }
  return code;
}

}  // namespace

int run_status(const Request& request, Output& output) {
  if (request.words.empty())
    return ask_and_show<api::SystemReply>(request, output, api::SystemRequest{}, render_system);
  const Answers answers = ask_status(request, output);
  int code = answers.code;
  for (const api::Answer& answer : answers.list) {
    if (const auto* error = std::get_if<api::CallError>(&answer)) {
      code = std::max(code, show_status_error(request, output, *error));
      continue;
    }
    const auto& reply = std::get<api::Reply>(answer);
    const auto& status = std::get<api::Status>(reply);
    if (!is_up(status.state)) code = std::max<int>(code, kNotActive);
    if (!output.out.empty() && !request.json) output.out += '\n';
    output.out += request.json ? api::to_json(reply) + "\n" : render_status(output.style, status);
  }
  return code;
}

int run_list(const Request& request, Output& output) {
  api::ListRequest list{request.words.empty() ? "" : request.words[0], request.kind, request.state};
  return ask_and_show<api::ListReply>(request, output, std::move(list), render_list);
}

int run_is_active(const Request& request, Output& output) {
  return print_states(request, output, is_up, kNotActive);
}

int run_is_failed(const Request& request, Output& output) {
  return print_states(
      request, output, [](api::State state) { return state == api::State::Failed; }, kFailed);
}

int run_is_system_running(const Request& request, Output& output) {
  const Answers answers = ask(request, output, {{api::SystemRequest{}, false}});
  if (answers.list.empty()) return answers.code;
  if (const auto* error = std::get_if<api::CallError>(&answers.list[0]))
    return show_error(request, output, *error);
  const auto& reply = std::get<api::Reply>(answers.list[0]);
  const std::string& state = std::get<api::SystemReply>(reply).state;
  if (request.json) {
    output.out += api::to_json(reply) + "\n";
  } else if (!request.quiet) {
    output.out += printable(output.style, state) + "\n";
  }
  return state == "running" ? kOk : kFailed;
}

int run_cat(const Request& request, Output& output) {
  return ask_and_show<api::CatReply>(request, output, api::CatRequest{unit::canonical_name(request.words[0])},
                                     render_cat);
}

int run_why(const Request& request, Output& output) {
  return ask_and_show<api::WhyReply>(request, output, api::WhyRequest{unit::canonical_name(request.words[0])},
                                     render_why);
}

}  // namespace init::ctl
