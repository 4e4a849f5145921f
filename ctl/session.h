// What all verbs that talk to the manager share: ask, show the answer, know the exit code.
#pragma once
#include <string>
#include <vector>

#include "ctl/exit_code.h"
#include "ctl/output.h"
#include "ctl/render.h"
#include "ctl/verbs.h"
#include "libinit/api/client.h"

namespace init::ctl {

// Makes the calls at once. Failures (nobody there, no answer in time) are shown, and give an empty list and
// the exit code.
struct Answers {
  std::vector<api::Answer> list;
  int code = kOk;
};
[[nodiscard]] Answers ask(const Request& request, Output& output,
                          const std::vector<api::OutgoingCall>& calls);

[[nodiscard]] int exit_code_of(const api::CallError& error);
// As JSON on standard output, or in words on standard error. Returns the exit code.
int show_error(const Request& request, Output& output, const api::CallError& error);

// One call whose reply is a Reply type with a renderer: the whole of most verbs.
template <class Reply>
int ask_and_show(const Request& request, Output& output, api::Request call,
                 std::string (*render)(const Style&, const Reply&)) {
  const Answers answers = ask(request, output, {{std::move(call), false}});
  if (answers.list.empty()) return answers.code;
  if (const auto* error = std::get_if<api::CallError>(&answers.list[0]))
    return show_error(request, output, *error);
  const auto& reply = std::get<api::Reply>(answers.list[0]);
  output.out += request.json ? api::to_json(reply) + "\n" : render(output.style, std::get<Reply>(reply));
  return kOk;
}

}  // namespace init::ctl
