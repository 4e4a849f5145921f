#include "daemon/manager/app/app.h"

#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cstring>

#include "daemon/manager/app/wording.h"
#include "daemon/manager/os/log.h"
#include "daemon/manager/os/resources.h"
#include "libinit/process/child_steps.h"
#include "libinit/unit/names.h"

namespace init::manager {
namespace {

core::Exit exit_of(const channel::Slot& facts) {
  return {static_cast<core::Exit::Kind>(facts.exit_kind), facts.exit_value};
}

// A fork that failed is for want of something, and tried again; every other step is the unit's own matter.
core::SpawnError error_kind(const channel::Slot& facts) {
  const bool fork = facts.failed_step == static_cast<std::uint32_t>(process::ChildStep::Fork);
  return fork && is_shortage(facts.failed_errno) ? core::SpawnError::Resources : core::SpawnError::Setup;
}

template <class EventOrAction>
InHand work_on(const core::Engine& engine, const EventOrAction& one) {
  if constexpr (requires { one.unit; }) {
    if (one.unit < engine.graph()->size()) return in_hand_unit(engine.graph()->tag(one.unit));
  }
  return {};
}

}  // namespace

App::~App() = default;

int App::run() {
  while (!let_go_) turn();
  return 0;
}

MonotonicTime App::next_deadline() const {
  return std::min({timers_.next(), processes_.next_look(), server_->next_deadline(),
                   requests_->next_deadline(), logging_->next_deadline(), errands_.next_deadline(),
                   probes_.next_deadline(), others_due_, searches_due_, stop_deadline_, safe_until_,
                   reloading_ ? reloading_->until : MonotonicTime::never(),
                   showing_.empty() ? MonotonicTime::never() : showing_.begin()->second.until});
}

void App::turn() {
  channel_.flush();
  const auto ready = loop_.wait(next_deadline());
  for (const auto& one : ready) {
    switch (static_cast<Source>(one.token.kind)) {
      case Source::Doorbell:
        on_doorbell();
        break;
      case Source::Channel:
        let_go_ = let_go_ || !channel_.drain();
        break;
      case Source::Groups:
        on_groups();
        break;
      case Source::Notify:
        on_notify(one.token.index);
        break;
      case Source::ReadyFd:
        on_ready_fd(one.token.index);
        break;
      case Source::Hangup:
        on_hangup(one.token.index);
        break;
      case Source::Helpers:
        on_helpers();
        break;
      case Source::Probes:
        probes_.handle(one);
        break;
      case Source::Logger:
        on_logger(one.token.index);
        break;
      case Source::Control:
        server_->handle(one, monotonic_now());
        break;
    }
  }
  const MonotonicTime now = monotonic_now();
  if (!processes_.has_cgroups() || processes_.next_look() <= now) on_groups();
  logging_->on_time(now);
  on_errands(now);
  for (const auto& fired : timers_.take_due(now)) feed(fired);
  if (others_due_ <= now) signal_all_others();
  if (searches_due_ <= now) {
    look_for_main_processes();
    settle();
  }
  if (reloading_ && reloading_->until <= now) give_up_reload();
  show_what_is_late(now);
  if (stop_deadline_ <= now) finish(static_cast<core::PowerKind>(intents_.header().shutdown - 1));
  for (const auto& call : server_->take_calls(now)) answer(call, now);
  for (const auto& call : server_->take_dropped()) requests_->dropped(call);
  requests_->tell(now);
  server_->expire(now);
  let_go_ = let_go_ || safe_until_ <= now;
}

void App::answer(const control::Call& call, MonotonicTime now) {
  const InHand work = work_of(call.request);
  if (blame_.refuses(work)) {
    return server_->error(
        call.id, {api::ErrorKind::Failed, "", "this request has made the manager crash twice and is refused",
                  "initctl reexec, or upgrade, lifts that"});
  }
  const Blame::Mark mark(blame_, work);
  record_request(call);
  requests_->handle(call, now);
}

void App::on_logger(std::uint32_t source) {
  if (source != 0) return logging_->look_at_syslog();
  const auto news = logging_->on_readable();
  for (const std::uint64_t tag : news.flushed) requests_->logged(tag);
  for (const auto& [tag, activation] : news.ready) {
    const auto unit = engine_->graph()->find_tag(tag);
    if (unit && log_owner_of(tag, activation).activation == units_[*unit].activation)
      (void)told_ready(*unit, unit::ProbeKind::LogLine);
  }
}

void App::on_doorbell() {
  std::uint64_t rings = 0;
  (void)!read(channel::kDoorbellFd, &rings, sizeof rings);
  bool signals = false;
  const bool whole = facts_.changes(change_cursor_, [this, &signals](std::uint32_t change) {
    if (change == channel::kChangeSignals) {
      signals = true;
    } else if (change < channel::kSlotCount) {
      on_slot(change);
    }
  });
  if (!whole) {
    for (std::uint32_t slot = 0; slot < facts_.header().slots_used; ++slot) on_slot(slot);
  }
  if (signals || !whole) on_signals();
}

// A slot that was freed and taken anew may still be heard of as it was: two units' attempts count alike.
bool App::is_of(const SlotUse& use, const channel::Slot& facts) const {
  const bool known = use.unit != core::kNoUnit;
  return use.attempt == facts.attempt && (!known || engine_->graph()->tag(use.unit) == facts.tag);
}

void App::on_slot(std::uint32_t slot) {
  channel::Slot facts;
  if (!facts_.read_slot(slot, facts)) return;
  SlotUse* use = slots_.find(slot);
  const bool ended = facts.state == channel::SlotState::Exited || facts.state == channel::SlotState::Failed;
  if (use == nullptr || !is_of(*use, facts)) {
    if (ended && use == nullptr) channel_.acknowledge({slot, facts.attempt});
    return;
  }
  if (use->errand) return errands_.on_slot(slot, facts);
  if (facts.tag == Logging::kSlotTag) return logging_->on_slot(slot, facts);
  if (use->unit == core::kNoUnit) {  // of a unit that is no longer known
    if (ended && !is_aside(facts.tag)) free_slot(slot, facts.attempt);
    return;
  }
  if (facts.state == channel::SlotState::Failed) return on_failed(slot, facts);
  const SlotUse known = *use;
  if (!known.spawned && is_another(known.unit, facts)) return let_go_of(slot);
  const bool ran = facts.state == channel::SlotState::Running || facts.state == channel::SlotState::Exited;
  use->spawned = use->spawned || facts.pid > 0;
  use->running = use->running || ran;
  if (facts.pid > 0 && !known.spawned) {
    feed(core::Spawned{known.unit, known.attempt, facts.pid});
  }
  if (ran && !known.running) feed(core::ExecSucceeded{known.unit, known.attempt});
  if (facts.state == channel::SlotState::Exited) on_exited(slot, facts);
}

void App::on_failed(std::uint32_t slot, const channel::Slot& facts) {
  const SlotUse use = *slots_.find(slot);
  core::SpawnError kind = error_kind(facts);
  const bool cgroup = facts.failed_step == static_cast<std::uint32_t>(process::ChildStep::Cgroup);
  // The first refusal of CLONE_INTO_CGROUP: from now on children join by themselves.
  if (cgroup && processes_.join_by_procs()) kind = core::SpawnError::Resources;
  const bool empty = !core::is_main(use.role) || !processes_.watch(processes_of(use.unit));
  units_[use.unit].error_detail = facts.failed_detail;
  record_login_end(slot);
  feed(core::SpawnFailed{use.unit, use.attempt, kind, static_cast<std::uint16_t>(facts.failed_step),
                         facts.failed_errno, empty});
  free_slot(slot, facts.attempt);
  release_terminal(use.unit, use.attempt);
}

void App::on_exited(std::uint32_t slot, const channel::Slot& facts) {
  const SlotUse use = *slots_.find(slot);
  note_end(use, facts);
  record_login_end(slot);
  const UnitProcess of = processes_of(use.unit);
  bool empty = true;
  hear_last_words(use.unit);
  if (core::is_main(use.role)) {
    empty = processes_.empty(of) || !processes_.watch(of);
    if (!empty) signal_others(use.unit);
    others_.erase(use.unit);
    if (!empty) pass_on_main(use.unit, facts);
  }
  const core::Exit exit = exit_of(facts);
  const bool starved = use.role == core::Role::Main && units_[use.unit].out_of_memory &&
                       exit == core::Exit{core::Exit::Kind::Signal, SIGKILL};
  feed(core::Exited{use.unit, use.attempt, exit, empty, starved});
  free_slot(slot, facts.attempt);
  release_terminal(use.unit, use.attempt);
}

// While its control group still stands. Not of a process that leaves the run to its successor.
void App::note_end(const SlotUse& use, const channel::Slot& facts) {
  const bool watched = (facts.flags & channel::kSlotWatched) != 0;
  const bool first =
      !watched && is_forking(use.unit) && exit_of(facts) == core::Exit{core::Exit::Kind::Code, 0};
  if (use.role != core::Role::Main || first) return;
  UnitState& state = units_[use.unit];
  constexpr std::uint64_t kKibibyte = 1024;
  state.last_run = api::LastRun{static_cast<std::int64_t>(facts.user_us + facts.system_us),
                                static_cast<std::int64_t>(facts.peak_kib * kKibibyte)};
  state.out_of_memory = processes_.has_cgroups() &&
                        oom_kills(processes_.units_directory(),
                                  processes_.leaf(engine_->graph()->name(use.unit))) > state.oom_kills;
  keep_note(use.unit);
}

// With the end in the records PID 1 may forget it, and only then may another process have the slot: a spawn
// into a slot that is not free is ignored.
void App::free_slot(std::uint32_t slot, std::uint32_t attempt) {
  channel_.acknowledge({slot, attempt});
  slots_.release(slot);
}

void App::on_groups() {
  processes_.tend_crowds(monotonic_now());
  for (const auto& name : processes_.take_emptied()) {
    if (const auto unit = engine_->graph()->find(name)) feed(core::GroupEmpty{*unit});
  }
  for (const auto& name : processes_.take_pressed()) {
    if (const auto unit = engine_->graph()->find(name)) look_at_memory(*unit);
  }
}

void App::look_at_memory(core::UnitIndex unit) {
  const std::string leaf = processes_.leaf(engine_->graph()->name(unit));
  if (oom_kills(processes_.units_directory(), leaf) > units_[unit].oom_kills)
    feed(core::Starved{unit, engine_->record(unit).main_attempt});
}

void App::on_signals() {
  auto& seen = intents_.header().signals_seen;
  for (int signal = 1; signal < static_cast<int>(channel::kSignalCount); ++signal) {
    const auto index = static_cast<std::size_t>(signal);
    const std::uint32_t count = facts_.header().signals[index].count;
    if (seen[index] == count) continue;
    if (signal == SIGHUP && hangup_ == count) continue;  // its reload has begun
    record_signal(signal);
    if (signal == SIGHUP) {
      reload_for_signal(count);
      continue;
    }
    on_signal(signal);
    seen[index] = count;
  }
}

// A manager that dies before the end leaves it to the next.
void App::reload_for_signal(std::uint32_t count) {
  hangup_ = count;
  reload([this, count](const Result<api::DaemonReloadReply>& reloaded) {
    if (!reloaded) log_error(reloaded.error().text());
    intents_.header().signals_seen[SIGHUP] = count;
  });
}

// What containers' runtimes and administrators send to an init; the real-time ones as systemd(1) lists them.
void App::on_signal(int signal) {
  const bool machine = facts_.header().environment == channel::Environment::Machine;
  const auto uid = facts_.header().signals[static_cast<std::size_t>(signal)].sender_uid;
  const auto stop = [this, uid](core::PowerKind kind) { submit_shutdown({kind, 0, uid}, {}); };
  if (signal == SIGUSR1) {
    auto listener = control::create_listener(options_.runtime + "/control");
    auto opened = listener ? open_control(std::move(*listener)) : Result<>(Failure(listener.error()));
    if (!opened) log_error(opened.error().text());
  } else if (signal == SIGINT) {
    stop(machine ? core::PowerKind::Reboot : core::PowerKind::Exit);
  } else if (signal == SIGPWR) {
    stop(core::PowerKind::Poweroff);
  } else if ((signal == SIGTERM || signal == SIGQUIT) && !machine) {
    stop(core::PowerKind::Exit);
  } else if (signal == SIGRTMIN + 3 || signal == SIGRTMIN + 13) {
    stop(core::PowerKind::Halt);
  } else if (signal == SIGRTMIN + 4 || signal == SIGRTMIN + 14) {
    stop(core::PowerKind::Poweroff);
  } else if (signal == SIGRTMIN + 5) {
    stop(core::PowerKind::Reboot);
  }
}

void App::feed(core::Event event) {
  events_.push_back(std::move(event));
  settle();
}

// One event at a time: engine, commit, actions. Actions may add events; they wait their turn.
void App::settle() {
  if (settling_) return;
  settling_ = true;
  while (!events_.empty()) {
    const core::Event event = std::move(events_.front());
    events_.pop_front();
    const Blame::Mark mark(blame_, work_of(event));
    const MonotonicTime now = monotonic_now();
    record(event, now);
    engine_->handle(event, now, *this);
    record_actions(now);
    commit();
    carry_out_all();
  }
  settling_ = false;
}

// What an event has changed counts at once: records, new jobs and answers.
void App::commit() {
  if (units_.size() < engine_->graph()->size()) units_.resize(engine_->graph()->size());
  if (engine_->has_changed_jobs()) put_jobs();
  for (const core::UnitIndex unit : engine_->changed()) {
    if (!intents_.put(engine_->record(unit), units_[unit].place))
      log_error("too many units: no place for a record");
  }
  intents_.commit();
  engine_->clear_changed();
}

void App::put_jobs() {
  for (const auto& job : engine_->job_records()) {
    const JournalEntry* found = intents_.find_job(job.job);
    if (found == nullptr || (found->state == JournalState::Pending && found->job == job)) continue;
    JournalEntry entry = *found;
    entry.job = job;
    entry.state = JournalState::Pending;
    intents_.change(entry);
  }
}

void App::carry_out_all() {
  const auto actions = std::move(actions_);
  actions_.clear();
  for (const auto& action : actions) {
    std::visit(
        [this](const auto& one) {
          const Blame::Mark mark(blame_, work_on(*engine_, one));
          carry_out(one);
        },
        action);
  }
}

// The boot asks for everything: what of it fails is some unit's matter.
InHand App::work_of(const core::Event& event) const {
  if (const auto* asked = std::get_if<core::Requested>(&event)) {
    return asked->boot ? InHand{} : in_hand_job(asked->verb, engine_->graph()->tag(asked->unit));
  }
  return std::visit([this](const auto& one) { return work_on(*engine_, one); }, event);
}

InHand App::work_of(const api::Request& request) const {
  const auto* job = std::get_if<api::JobRequest>(&request);
  if (job == nullptr) return in_hand_call(request);
  const auto unit = engine_->graph()->find(unit::canonical_name(job->unit));
  return unit ? in_hand_job(to_core(job->verb), engine_->graph()->tag(*unit)) : InHand{};
}

}  // namespace init::manager
