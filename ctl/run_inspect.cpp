#include <algorithm>
#include <cerrno>

#include "ctl/inspect.h"
#include "ctl/run.h"
#include "ctl/session.h"
#include "libinit/unit/names.h"

namespace init::ctl {
namespace {

// Those of its processes that still live; a failure when /proc shows none of them, or cannot be read.
Result<UnitInspection> inspect_unit(const api::Status& status, bool with_maps) {
  UnitInspection unit{status.id, {}, with_maps};
  Error gone;
  for (const api::Process& process : status.processes) {
    Result<Inspection> one = inspect_process(process, process.pid == status.main_pid);
    if (one) {
      unit.processes.push_back(std::move(*one));
    } else if (one.error().code != ESRCH) {
      return Failure(one.error());
    } else {
      gone = one.error();
    }
  }
  if (gone.code != 0 && unit.processes.empty()) return Failure(gone);
  std::stable_partition(unit.processes.begin(), unit.processes.end(),
                        [](const auto& one) { return one.main; });
  return unit;
}

int show_unseen(const Request& request, Output& output, const api::Status& status, const Error& error) {
  api::CallError shown{api::ErrorKind::Failed, {}, status.id + ": " + error.text(), {}};
  if (error.code == ESRCH)
    shown.hint =
        "it has ended, or initd counts its processes in another PID namespace: ask from inside of it";
  return show_error(request, output, shown);
}

}  // namespace

int run_inspect(const Request& request, Output& output) {
  std::vector<api::OutgoingCall> calls;
  for (const std::string& word : request.words)
    calls.push_back({api::StatusRequest{unit::canonical_name(word)}, false});
  const Answers answers = ask(request, output, calls);
  int code = answers.code;
  for (const api::Answer& answer : answers.list) {
    if (const auto* error = std::get_if<api::CallError>(&answer)) {
      code = std::max(code, show_error(request, output, *error));
      continue;
    }
    const auto& status = std::get<api::Status>(std::get<api::Reply>(answer));
    const Result<UnitInspection> unit = inspect_unit(status, request.maps);
    if (!unit) {
      code = std::max(code, show_unseen(request, output, status, unit.error()));
      continue;
    }
    if (unit->processes.empty()) code = std::max<int>(code, kNotActive);
    if (!output.out.empty() && !request.json) output.out += '\n';
    output.out += request.json ? to_json(*unit) : render_inspection(output.style, *unit);
  }
  return code;
}

}  // namespace init::ctl
