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

std::string place(const Style& style, std::string_view where) {
  return where.empty() ? "" : " (" + printable(style, where.substr(where.rfind('/') + 1)) + ")";
}

std::string_view done_words(api::Verb verb) {
  switch (verb) {
    case api::Verb::Start:
      return "is up";
    case api::Verb::Stop:
      return "is down";
    case api::Verb::Restart:
      return "was restarted";
    case api::Verb::TryRestart:
      return "was restarted if it was up";
    case api::Verb::Reload:
      return "was reloaded";
  }
  return "is done";
}

std::string_view failed_words(api::Verb verb) {
  switch (verb) {
    case api::Verb::Start:
      return "did not start";
    case api::Verb::Stop:
      return "did not stop";
    case api::Verb::Restart:
    case api::Verb::TryRestart:
      return "did not restart";
    case api::Verb::Reload:
      return "did not reload";
  }
  return "failed";
}

std::string headline(const Style& style, api::Verb verb, const api::JobReply& job) {
  const std::string unit = printable(style, job.unit);
  switch (job.outcome) {
    case api::Outcome::Done:
      return tick(style) + " " + unit + " " + std::string(done_words(verb));
    case api::Outcome::Failed:
      return cross(style) + " " + unit + " " + std::string(failed_words(verb));
    case api::Outcome::Blocked:
      return cross(style) + " " + unit + " is blocked";
    case api::Outcome::Canceled:
      return cross(style) + " " + unit + ": a later request took the place of this one";
    case api::Outcome::Refused:
      return cross(style) + " " + unit + ": refused";
    case api::Outcome::Skipped:
      return (style.utf8 ? "○ " : "o ") + unit + " was skipped";
    case api::Outcome::TimedOut:
      return cross(style) + " " + unit + ": not finished in time; it goes on";
    case api::Outcome::Running:
      return unit;
  }
  return unit;
}

std::string log_lines(const Style& style, const api::Status& status) {
  if (status.log_tail.empty()) return {};
  std::string out = "  " + printable(style, status.id) + " said:\n";
  for (const std::string& line : status.log_tail)
    out += "    " + paint(style, Color::Faint, printable(style, line)) + "\n";
  return out;
}

}  // namespace

std::string render_job(const Style& style, api::Verb verb, const api::JobReply& job) {
  std::string out = headline(style, verb, job);
  if (!job.message.empty()) out += ": " + printable(style, job.message);
  out += '\n';
  if (job.status && job.outcome != api::Outcome::Done) out += log_lines(style, *job.status);
  const std::string name = printable(style, short_name(job.unit));
  if (job.outcome == api::Outcome::Blocked) {
    const std::string cause =
        job.cause.empty() || job.cause == job.unit ? "what it needs" : printable(style, job.cause);
    out += "  " + printable(style, job.unit) + " stays wanted and starts when " + cause +
           " is up. To let go: initctl stop " + name + "\n";
  }
  if (!job.hint.empty()) {
    out += "  next: " + printable(style, job.hint) + "\n";
  } else if (job.outcome == api::Outcome::Failed || job.outcome == api::Outcome::TimedOut) {
    out += "  next: initctl status " + name + "\n";
  }
  return out;
}

std::string render_progress(const Style& style, const api::JobReply& job) {
  return mark(style, api::State::Activating) + " " + printable(style, job.unit) + ": " +
         printable(style, job.progress);
}

std::string render_error(const Style& style, const api::CallError& error) {
  const std::string about = printable(style, error.parameter);
  std::string out = cross(style) + " ";
  switch (error.kind) {
    case api::ErrorKind::NoSuchUnit:
      out += "there is no unit " + about;
      break;
    case api::ErrorKind::PermissionDenied:
      out += "not permitted";
      break;
    case api::ErrorKind::TooManyClients:
      out += "initd has too many clients";
      break;
    case api::ErrorKind::InvalidParameter:
      out += "initd refuses the parameter \"" + about + "\"";
      break;
    case api::ErrorKind::MethodNotFound:
    case api::ErrorKind::InterfaceNotFound:
      out += "this initd knows no " + about;
      break;
    case api::ErrorKind::Failed:
      out += "failed";
      break;
  }
  if (!error.message.empty()) out += ": " + printable(style, error.message);
  out += '\n';
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
  std::string indent;
  for (const api::WhyLink& link : why.chain) {
    const bool first = out.empty();
    if (!first) out += indent + (style.utf8 ? "└─ " : "`- ");
    if (!link.relation.empty()) out += printable(style, link.relation) + " ";
    out += printable(style, link.unit) + place(style, link.where);
    if (!link.text.empty())
      out += (first || link.relation.empty() ? " " : ", which ") + printable(style, link.text);
    out += '\n';
    if (!first) indent += "   ";
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
    const std::string relation = printable(style, step.relation);
    const std::string cause = printable(style, step.cause);
    if (step.cause.empty()) {
      out += "asked";
    } else if (step.verb == "stop") {
      out += "it " + relation + " " + cause;
    } else {
      out += cause + " " + relation + " it";
    }
    out += place(style, step.where) + "\n";
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
