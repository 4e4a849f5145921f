// initctl report: all that helps to understand what happened, in one file of JSON lines.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

#include "ctl/run.h"
#include "ctl/session.h"
#include "libinit/base/unique_fd.h"
#include "libinit/base/version.h"
#include "libinit/unit/names.h"

namespace init::ctl {
namespace {

std::string line(std::string_view name, const std::string& json) {
  return "{\"" + std::string(name) + "\":" + json + "}\n";
}

std::string json_of(const api::Answer& answer) {
  const auto* error = std::get_if<api::CallError>(&answer);
  return error != nullptr ? api::to_json(*error) : api::to_json(std::get<api::Reply>(answer));
}

std::vector<std::string> all_units(const api::Answer& listed) {
  std::vector<std::string> ids;
  if (const auto* reply = std::get_if<api::Reply>(&listed)) {
    for (const auto& row : std::get<api::ListReply>(*reply).units) ids.push_back(row.id);
  }
  return ids;
}

// Of these units: state, reasons, files. Asked together.
int add_units(const Request& request, Output& output, const std::vector<std::string>& ids,
              std::string& report) {
  std::vector<api::OutgoingCall> calls;
  for (const std::string& id : ids) {
    calls.push_back({api::StatusRequest{id}, false});
    calls.push_back({api::WhyRequest{id}, false});
    calls.push_back({api::CatRequest{id}, false});
  }
  const Answers answers = ask(request, output, calls);
  constexpr const char* kNames[] = {"unit", "why", "files"};
  for (std::size_t i = 0; i < answers.list.size(); ++i)
    report += line(kNames[i % 3], json_of(answers.list[i]));
  return answers.code;
}

std::string file_name(const Request& request) {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char moment[32];
  (void)std::strftime(moment, sizeof(moment), "%Y%m%dT%H%M%SZ", &parts);
  return "initd-report-" + (request.system ? "system" : unit::canonical_name(request.words[0])) + "-" +
         moment + ".jsonl";
}

// Arguments and output of services are nobody else's business.
Result<> save(const std::string& path, std::string_view text) {
  const UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return failure(errno, "create", path);
  while (!text.empty()) {
    const ssize_t wrote = write(file.get(), text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return failure(wrote < 0 ? errno : ENOSPC, "write", path);
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return {};
}

}  // namespace

int run_report(const Request& request, Output& output) {
  if (request.system == !request.words.empty()) {
    output.err += "initctl: report wants units, or --system\n  next: initctl help report\n";
    return kUsage;
  }
  std::vector<std::string> ids;
  for (const std::string& word : request.words) ids.push_back(unit::canonical_name(word));
  std::vector<api::OutgoingCall> calls{{api::SystemRequest{}, false}, {api::ListRequest{}, false}};
  if (request.system) calls.push_back({api::HistoryRequest{"", true}, false});
  for (const std::string& id : ids) calls.push_back({api::HistoryRequest{id, false}, false});
  const Answers answers = ask(request, output, calls);
  if (answers.list.empty()) return answers.code;
  for (const auto& answer : answers.list) {
    if (const auto* error = std::get_if<api::CallError>(&answer)) return show_error(request, output, *error);
  }
  std::string report = line("report", "{\"of\":\"initd\",\"version\":\"" + std::string(kVersion) + "\"}");
  report += line("system", json_of(answers.list[0])) + line("list", json_of(answers.list[1]));
  if (const int code = add_units(request, output, request.system ? all_units(answers.list[1]) : ids, report);
      code != kOk)
    return code;
  for (std::size_t i = 2; i < answers.list.size(); ++i) report += line("history", json_of(answers.list[i]));
  if (request.json) return output.out += report, kOk;
  const std::string path = file_name(request);
  if (auto saved = save(path, report); !saved) {
    output.err +=
        "initctl: " + saved.error().text() + "\n  next: initctl report --json writes to standard output\n";
    return kFailed;
  }
  if (!request.quiet) output.out += path + "\n";
  return kOk;
}

}  // namespace init::ctl
