#include <algorithm>

#include "ctl/render.h"
#include "libinit/api/names.h"

namespace init::ctl {
namespace {

std::string cross(const Style& style) {
  return paint(style, Color::Bad, style.utf8 ? "✗" : "x");
}

std::string tick(const Style& style) {
  return paint(style, Color::Good, style.utf8 ? "●" : "*");
}

std::string file_name(const Style& style, std::string_view where) {
  return printable(style, where.substr(where.rfind('/') + 1));
}

std::string job_mark(const Style& style, api::Outcome outcome) {
  if (outcome == api::Outcome::Done) return tick(style);
  if (outcome == api::Outcome::Skipped) return style.utf8 ? "○" : "o";
  return cross(style);
}

std::string log_lines(const Style& style, const api::Status& status) {
  if (status.log_tail.empty()) return {};
  std::string out = "  " + printable(style, status.id) + " said:\n";
  for (const std::string& line : status.log_tail)
    out += "    " + paint(style, Color::Faint, printable(style, line)) + "\n";
  return out;
}

std::string error_words(const api::CallError& error) {
  switch (error.kind) {
    case api::ErrorKind::NoSuchUnit:
      return "there is no unit " + error.parameter;
    case api::ErrorKind::PermissionDenied:
      return "not permitted";
    case api::ErrorKind::TooManyClients:
      return "initd has too many clients";
    case api::ErrorKind::InvalidParameter:
      return "initd refuses the parameter \"" + error.parameter + "\"";
    case api::ErrorKind::MethodNotFound:
    case api::ErrorKind::InterfaceNotFound:
      return "this initd knows no " + error.parameter;
    case api::ErrorKind::Failed:
      return "failed";
  }
  return "failed";
}

}  // namespace

std::string render_job(const Style& style, const api::JobReply& job) {
  const std::string& message = job.message;
  std::string out = job_mark(style, job.outcome) + " ";
  out +=
      printable(style, message.empty() ? job.unit + ": " + std::string(api::name_of(job.outcome)) : message) +
      "\n";
  if (job.status && job.outcome != api::Outcome::Done) out += log_lines(style, *job.status);
  if (!job.hint.empty()) out += "  next: " + printable(style, job.hint) + "\n";
  return out;
}

std::string render_progress(const Style& style, const api::JobReply& job) {
  return mark(style, api::State::Activating) + " " + printable(style, job.unit) + ": " +
         printable(style, job.progress);
}

std::string render_error(const Style& style, const api::CallError& error) {
  std::string out = cross(style) + " " +
                    printable(style, error.message.empty() ? error_words(error) : error.message) + "\n";
  if (!error.hint.empty()) {
    out += "  next: " + printable(style, error.hint) + "\n";
  } else if (error.kind == api::ErrorKind::NoSuchUnit) {
    out += "  next: initctl list\n";
  } else if (error.kind == api::ErrorKind::PermissionDenied) {
    out += "  next: ask as root, or be named in the unit's \"operators\"\n";
  }
  return out;
}

std::string render_why(const Style& style, const api::WhyReply& why) {
  std::string out;
  std::size_t depth = 0;
  for (const api::WhyLink& link : why.chain) {
    if (depth > 0) out += std::string(3 * (depth - 1), ' ') + (style.utf8 ? "└─ " : "`- ");
    ++depth;
    out += printable(style, link.unit) + " " + printable(style, link.text);
    if (!link.where.empty())
      out += " (" + printable(style, link.relation) + ", " + file_name(style, link.where) + ")";
    out += '\n';
  }
  if (!why.next.empty()) out += "next event: " + printable(style, why.next) + "\n";
  return out;
}

std::string render_plan(const Style& style, const api::PlanReply& plan) {
  std::size_t width = 0;
  for (const api::PlanStep& step : plan.steps)
    width = std::max(width, step.verb.size() + 1 + columns(printable(style, step.unit)));
  std::string out;
  int number = 0;
  for (const api::PlanStep& step : plan.steps) {
    std::string what = printable(style, step.verb) + " " + printable(style, step.unit);
    what.append(width + 4 - std::min(width, columns(what)), ' ');
    const std::string count = std::to_string(++number);
    out += std::string(count.size() < 2 ? 1 : 0, ' ') + count + "  " + what;
    const std::string relation =
        printable(style, step.relation) + (step.relation == "conflicts" ? " with" : "");
    const std::string cause = printable(style, step.cause);
    if (step.cause.empty()) {
      out += "asked";
    } else if (step.verb == "stop") {
      out += "it " + relation + " " + cause;
    } else {
      out += cause + " " + relation + " it";
    }
    out += (step.where.empty() ? "" : " (" + file_name(style, step.where) + ")") + "\n";
  }
  for (const std::string& note : plan.notes) out += "    " + printable(style, note) + "\n";
  return out + (plan.steps.empty() ? "nothing to do.\n" : "Nothing was done.\n");
}

std::string render_cat(const Style& style, const api::CatReply& cat) {
  std::string out;
  for (const api::File& file : cat.files) {
    if (!out.empty()) out += '\n';
    out += paint(style, Color::Faint, "# " + printable(style, file.path)) + "\n";
    out += printable_block(style, file.text);
  }
  return out;
}

std::string render_reload(const Style& style, const api::DaemonReloadReply& reload) {
  const bool bad =
      std::any_of(reload.diagnostics.begin(), reload.diagnostics.end(),
                  [](const api::Diagnostic& found) { return found.severity == api::Severity::Error; });
  std::string out = (bad ? cross(style) : tick(style)) + " " + counted(reload.loaded, "unit") + " in force";
  const auto add = [&](const std::vector<std::string>& units, std::string_view word) {
    if (units.empty()) return;
    out += "; " + std::string(word);
    for (const std::string& unit : units) out += " " + printable(style, unit);
  };
  add(reload.changed, "changed:");
  add(reload.removed, "removed:");
  out += '\n';
  for (const api::Diagnostic& found : reload.diagnostics) out += printable_block(style, found.text);
  if (bad) out += "  units with errors keep their last good version. next: initctl verify\n";
  return out;
}

}  // namespace init::ctl
