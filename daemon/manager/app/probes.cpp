#include "daemon/manager/app/probes.h"

#include <cstring>

#include "daemon/manager/os/probe_child.h"
#include "libinit/process/exit_status.h"
#include "libinit/unit/enums.h"
#include "libinit/unit/values.h"

namespace init::manager {
namespace {

using unit::ProbeKind;

// Of a child that failed. The one that looks for a path ends with the errno.
std::string problem_of(ProbeKind kind, const core::Exit& exit) {
  if (kind != ProbeKind::Command && exit.kind == core::Exit::Kind::Code) return strerrordesc_np(exit.value);
  return process::ExitStatus{static_cast<process::ExitStatus::Kind>(exit.kind), exit.value}.text();
}

// No variable is meant by a dollar sign in a path.
std::string literal(const std::string& text) {
  std::string doubled;
  for (const char c : text) doubled.append(c == '$' ? 2 : 1, c);
  return doubled;
}

}  // namespace

ProbeWay way_of(const unit::Probe& probe) {
  switch (probe.kind) {
    case ProbeKind::Http:
    case ProbeKind::Tcp:
      return ProbeWay::Connection;
    case ProbeKind::Unix:
      return is_quick_path(probe.target) ? ProbeWay::Connection : ProbeWay::Process;
    case ProbeKind::Path:
    case ProbeKind::Command:
      return ProbeWay::Process;
    default:
      return ProbeWay::Told;
  }
}

// What does not parse was never loaded; it could only come from a generation of another version.
SocketTarget socket_target(const unit::Probe& probe) {
  if (probe.kind == ProbeKind::Unix) return unix_target(probe.target);
  if (probe.kind == ProbeKind::Tcp)
    return tcp_target(unit::parse_endpoint(probe.target).value_or(unit::Endpoint{}));
  return http_target(unit::parse_http_url(probe.target).value_or(unit::HttpUrl{}),
                     {probe.status, probe.body});
}

unit::Step probe_step(const unit::Probe& probe, const std::string& root_directory) {
  if (probe.kind == ProbeKind::Command) return probe.command;
  unit::Step step;
  step.argv = {"/proc/self/fd/" + std::to_string(kProbeProgramFd), std::string(kProbeOption),
               std::string(unit::word(probe.kind)), literal(probe.target),
               root_directory.empty() ? "/" : literal(root_directory)};
  return step;
}

std::string probe_text(const unit::Probe& probe) {
  const std::string& what = probe.kind == ProbeKind::Command && !probe.command.argv.empty()
                                ? probe.command.argv.front()
                                : probe.target;
  return std::string(unit::word(probe.kind)) + (what.empty() ? "" : " " + what);
}

void Probes::connect(const Question& question, SocketTarget target, MonotonicTime deadline) {
  forget(question.unit);
  open_[question.unit] = {question, 0};
  sockets_.begin(question.unit, std::move(target), deadline);
}

void Probes::run(const Question& question, std::span<const std::byte> plan, std::span<const int> passed,
                 MonotonicTime deadline) {
  forget(question.unit);
  const auto begun = errands_.begin(plan, passed, deadline);
  if (!begun) return refuse(question, begun.error().text());
  open_[question.unit] = {question, *begun};
  by_errand_[*begun] = question.unit;
}

void Probes::refuse(const Question& question, std::string problem) {
  forget(question.unit);
  answers_.push_back({question, false, std::move(problem)});
}

void Probes::forget(std::uint64_t unit) {
  const auto at = open_.find(unit);
  if (at == open_.end()) return;
  if (at->second.errand != 0) {
    errands_.cancel(at->second.errand);
    by_errand_.erase(at->second.errand);
  } else {
    sockets_.cancel(unit);
  }
  open_.erase(at);
}

void Probes::answer(std::uint64_t unit, bool ok, std::string problem) {
  const auto at = open_.find(unit);
  if (at == open_.end()) return;
  answers_.push_back({at->second.question, ok, std::move(problem)});
  by_errand_.erase(at->second.errand);
  open_.erase(at);
}

bool Probes::take(const Errands::Done& done) {
  const auto at = by_errand_.find(done.id);
  if (at == by_errand_.end()) return false;
  const std::uint64_t unit = at->second;
  const ProbeKind kind = open_.at(unit).question.kind;
  switch (done.how) {
    case Errands::Done::How::Ended:
      answer(unit, done.exit == core::Exit{core::Exit::Kind::Code, 0}, problem_of(kind, done.exit));
      break;
    case Errands::Done::How::NeverRan:
      answer(unit, false, std::string("it does not run: ") + strerrordesc_np(done.error));
      break;
    case Errands::Done::How::TooLong:
      answer(unit, false, "no answer in time");
      break;
  }
  return true;
}

MonotonicTime Probes::next_deadline() const {
  return answers_.empty() ? sockets_.next_deadline() : MonotonicTime{};
}

std::vector<Probes::Answer> Probes::take_answers(MonotonicTime now) {
  for (auto& result : sockets_.take_results(now)) answer(result.id, result.ok, std::move(result.problem));
  return std::exchange(answers_, {});
}

}  // namespace init::manager
