#include <algorithm>

#include "ctl/exit_code.h"
#include "ctl/run.h"
#include "libinit/api/message.h"
#include "libinit/unit/verify.h"

namespace init::ctl {
namespace {

std::string place_of(const unit::Diagnostic& found) {
  if (found.line == 0) return found.path;
  return found.path + ":" + std::to_string(found.line) + ":" + std::to_string(found.column);
}

bool is_error(const unit::Diagnostic& found) {
  return found.severity == unit::Severity::Error;
}

std::string summary(std::size_t errors, std::size_t warnings, std::uint32_t files) {
  std::string out = errors == 0 ? "no errors" : counted(static_cast<std::int64_t>(errors), "error");
  if (warnings > 0) out += ", " + counted(static_cast<std::int64_t>(warnings), "warning");
  return out + " in " + counted(files, "file") + "\n";
}

}  // namespace

int run_verify(const Request& request, Output& output) {
  const std::vector<std::string> paths =
      request.words.empty() ? unit::default_search_path(false).directories : request.words;
  const unit::Verification checked = unit::verify_files(paths);
  for (const unit::Diagnostic& found : checked.diagnostics) {
    const api::Severity severity = is_error(found) ? api::Severity::Error : api::Severity::Warning;
    output.out +=
        request.json
            ? api::to_json(api::Diagnostic{severity, place_of(found), unit::render(found, false)}) + "\n"
            : unit::render(found, output.style.color);
  }
  const auto errors = static_cast<std::size_t>(
      std::count_if(checked.diagnostics.begin(), checked.diagnostics.end(), is_error));
  const std::size_t warnings = checked.diagnostics.size() - errors;
  if (!request.json && !request.quiet) output.out += summary(errors, warnings, checked.files);
  return errors > 0 || (request.strict && warnings > 0) ? kFailed : kOk;
}

}  // namespace init::ctl
