// The engine asks about a unit's state: how the question gets to where it is answered, and its answer back.
#include "daemon/manager/app/app.h"
#include "daemon/manager/app/launcher.h"

namespace init::manager {
namespace {

const unit::Probe& probe_of(const unit::Unit& unit, core::ProbeOf which) {
  return which == core::ProbeOf::Ready ? unit.service.ready : unit.service.health;
}

}  // namespace

void App::carry_out(const core::Probe& probe) {
  forget_probe(probe.unit);
  const auto unit = configuration_.unit(probe.unit);
  if (!unit) return;
  const unit::Probe& how = probe_of(*unit, probe.which);
  const Probes::Question question{engine_->graph()->tag(probe.unit), probe.attempt, probe.which, probe.serial,
                                  how.kind};
  if (way_of(how) == ProbeWay::Told) return await_word(probe, how);
  const MonotonicTime deadline = monotonic_now() + how.timeout;
  if (way_of(how) == ProbeWay::Connection) return probes_.connect(question, socket_target(how), deadline);
  const auto prepared = prepare_probe({question, deadline}, *unit);
  if (!prepared) probes_.refuse(question, prepared.error().text());
}

// The word may have come before anybody asked for it.
void App::await_word(const core::Probe& probe, const unit::Probe& how) {
  UnitState& state = units_[probe.unit];
  const bool unheard = how.kind == unit::ProbeKind::LogLine && !logging_->available();
  state.probe_problem = probe_text(how) + (unheard ? ": the logger does not run" : ": nothing so far");
  if (state.ready != 0 && state.ready == state.activation)
    events_.push_back(core::Probed{probe.unit, probe.attempt, probe.which, probe.serial, true});
}

bool App::told_ready(core::UnitIndex unit, unit::ProbeKind by) {
  const auto definition = configuration_.unit(unit);
  const auto& record = engine_->record(unit);
  if (!definition || definition->service.ready.kind != by ||
      !(core::is_starting(record.state) || core::is_up(record.state)))
    return false;
  UnitState& state = units_[unit];
  state.ready = state.activation;
  state.probe_problem.clear();
  keep_note(unit);
  feed(core::Probed{unit, record.main_attempt, core::ProbeOf::Ready, record.probe_serial, true});
  return true;
}

// As prepare_launch() does it. A helper gets no longer than the answer has time.
Result<> App::prepare_probe(const Asking& asking, const unit::Unit& unit) {
  const auto& service = unit.service;
  if (!may_block_probe(service)) {
    const auto prepared = manager::prepare_probe(unit, Accounts::Local);
    if (prepared) return run_probe(asking, unit, *prepared);
    if (!may_be_known_elsewhere(service)) return Failure(prepared.error());
  }
  const Duration limit = asking.deadline - monotonic_now();
  auto started = helpers_->start(
      ++last_helper_, [&unit] { return pack(manager::prepare_probe(unit, Accounts::All)); }, limit);
  if (started) asking_[last_helper_] = asking;
  return started;
}

bool App::take_prepared_probe(const Helpers::Done& done) {
  const auto at = asking_.find(done.key);
  if (at == asking_.end()) return false;
  const Asking asking = at->second;
  asking_.erase(at);
  const auto index = engine_->graph()->find_tag(asking.question.unit);
  const auto unit = index ? configuration_.unit(*index) : std::nullopt;
  if (!unit) return true;
  const auto prepared = unpack(done.answer);
  auto run = prepared ? run_probe(asking, *unit, *prepared) : Failure(prepared.error());
  if (!run) probes_.refuse(asking.question, run.error().text());
  return true;
}

Result<> App::run_probe(const Asking& asking, const unit::Unit& unit, const Prepared& prepared) {
  const auto index = *engine_->graph()->find_tag(asking.question.unit);
  Equipment equipment;
  LaunchRequest& request = equipment.request;
  request.invocation_id = invocation_id(index);
  request.environment = hook_variables(*engine_, index, core::Role::PostStart);
  request.probe = &probe_of(unit, asking.question.which);
  if (auto opened = open_pipes(index, unit, equipment); !opened) return opened;
  const auto launch = make_launch_plan(unit, request, prepared, options_);
  if (!launch) return Failure(launch.error());
  for (const auto& fd : launch->passed) equipment.fds.push_back(fd.get());
  probes_.run(asking.question, launch->plan, equipment.fds, asking.deadline);
  return {};
}

void App::forget_probe(core::UnitIndex unit) {
  const std::uint64_t tag = engine_->graph()->tag(unit);
  probes_.forget(tag);
  std::erase_if(asking_, [this, tag](const auto& one) {
    const bool its = one.second.question.unit == tag;
    if (its) helpers_->cancel(one.first);
    return its;
  });
}

void App::on_answer(const Probes::Answer& answer) {
  const auto& question = answer.question;
  const auto unit = engine_->graph()->find_tag(question.unit);
  if (!unit) return;
  std::string& problem = units_[*unit].probe_problem;
  problem.clear();
  const auto definition = answer.ok ? std::nullopt : configuration_.unit(*unit);
  if (definition) {
    problem = probe_text(probe_of(*definition, question.which)) + ": " + answer.problem;
  }
  feed(core::Probed{*unit, question.attempt, question.which, question.serial, answer.ok});
}

void App::on_errands(MonotonicTime now) {
  for (const auto& done : errands_.take_done(now)) {
    if (!probes_.take(done)) (void)hook_.take(configuration_.system, done);
  }
  for (const auto& answer : probes_.take_answers(now)) on_answer(answer);
  hook_.begin(configuration_.system, now);
}

}  // namespace init::manager
