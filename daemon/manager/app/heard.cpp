// What follows from the words of services: who may speak, what of it the engine hears, and the search for the
// main process of a service that went into the background.
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

#include "daemon/manager/app/app.h"
#include "daemon/manager/app/bus_names.h"
#include "daemon/manager/app/launcher.h"
#include "daemon/manager/os/log.h"
#include "daemon/manager/os/main_process.h"

namespace init::manager {
namespace {

using core::Notified;
using unit::NotifyAccess;

// Of one socket in one turn: a flood must not keep the others waiting.
constexpr int kNoticesPerTurn = 32;
// All that can wait in a socket, more or less, when its service ends.
constexpr int kLastNotices = 1024;
constexpr Duration kSearchInterval = std::chrono::milliseconds(50);

// What is said once is said again each time that it has become twice as much.
bool is_power_of_two(std::uint64_t n) {
  return (n & (n - 1)) == 0;
}

}  // namespace

// Of a process that PID 1 started or watches for the unit; 0 = it is none of them.
pid_t App::pid_of(core::UnitIndex unit, core::Attempt attempt) const {
  const std::uint32_t slot = slots_.find(unit, attempt);
  return attempt == 0 || slot == kNoSlot ? 0 : facts_.pid(slot);
}

bool App::may_speak(core::UnitIndex unit, const Voice& voice, const Notice& notice) const {
  if (notice.pid <= 0 || voice.access == NotifyAccess::None) return false;
  const auto& record = engine_->record(unit);
  const bool ended = notice.sender_ended();
  const bool member = !ended && processes_.member(notice.pid, processes_of(unit));
  // Of a sender that has ended only its user is known: one that may end the service anyway.
  const bool known = member || (ended && (notice.uid == 0 || notice.uid == voice.owner));
  if (!known) return false;
  if (voice.access == NotifyAccess::All || notice.pid == pid_of(unit, record.main_attempt)) return true;
  return voice.access == NotifyAccess::Exec && notice.pid == pid_of(unit, record.control_attempt);
}

void App::on_notify(std::uint32_t index) {
  Voice* voice = voices_->at(index);
  if (voice == nullptr) return;
  const Blame::Mark mark(blame_, in_hand_unit(voice->tag));
  hear_some(*voice, kNoticesPerTurn);
}

// What a process said comes before its end.
void App::hear_last_words(core::UnitIndex unit) {
  const std::uint64_t tag = engine_->graph()->tag(unit);
  if (Voice* voice = voices_->find(tag)) hear_some(*voice, kLastNotices);
  if (Voice* voice = voices_->find(tag)) hear_line(*voice);
}

void App::hear_some(Voice& voice, int most) {
  const std::uint64_t tag = voice.tag;
  for (int heard = 0; heard < most; ++heard) {
    auto notice = voice.socket ? voice.socket->peek() : std::nullopt;
    if (!notice) return;
    const auto unit = engine_->graph()->find_tag(tag);
    if (unit && notice->message && may_speak(*unit, voice, *notice)) {
      hear(*unit, voice, *notice);
    } else {
      ignore(voice, *notice);
    }
    if (voices_->find(tag) != &voice || !voice.socket) return;  // the unit is down
    voice.socket->consume();
  }
}

void App::ignore(Voice& voice, const Notice& notice) {
  if (!is_power_of_two(++voice.ignored)) return;
  const auto unit = engine_->graph()->find_tag(voice.tag);
  const std::string name(unit ? engine_->graph()->name(*unit) : "a unit that is gone");
  const char* const why = notice.message ? " that may not speak for it" : ": no words of sd_notify(3)";
  log_warning(name + ": a message of process " + std::to_string(notice.pid) + why + " was ignored, " +
              std::to_string(voice.ignored) + " so far");
}

void App::tell(core::UnitIndex unit, Notified::What what, std::int64_t value) {
  feed(Notified{unit, engine_->record(unit).main_attempt, what, value});
}

void App::hear(core::UnitIndex unit, Voice& voice, Notice& notice) {
  const notify::Message& message = *notice.message;
  if (message.status && *message.status != voice.status) {
    voice.status = *message.status;
    keep_note(unit);
  }
  if (message.store || message.remove) hear_of_descriptors(unit, voice, notice);
  if (message.main_pid) hear_of_main_process(unit, *message.main_pid);
  if (message.bus_owner && engine_->graph()->name(unit) == kBusUnit) hear_of_bus_owner(*message.bus_owner);
  if (message.watchdog_interval) tell(unit, Notified::What::WatchdogTime, message.watchdog_interval->count());
  if (message.extend_timeout) tell(unit, Notified::What::ExtendTimeout, message.extend_timeout->count());
  if (message.watchdog == notify::Watchdog::Alive) tell(unit, Notified::What::Watchdog);
  switch (message.phase) {
    case notify::Phase::None:
      break;
    case notify::Phase::Ready:
      tell(unit, Notified::What::Ready);
      break;
    case notify::Phase::Reloading:
      tell(unit, Notified::What::Reloading,
           message.reload_began ? message.reload_began->since_epoch.count() : 0);
      break;
    case notify::Phase::Stopping:
      tell(unit, Notified::What::Stopping);
      break;
  }
  if (message.watchdog == notify::Watchdog::Trigger) tell(unit, Notified::What::WatchdogFailed);
}

// Only one of the unit's own, and living.
void App::hear_of_main_process(core::UnitIndex unit, pid_t pid) {
  if (pid == pid_of(unit, engine_->record(unit).main_attempt)) return;
  if (processes_.member(pid, processes_of(unit))) return tell(unit, Notified::What::MainPid, pid);
  log_warning(std::string(engine_->graph()->name(unit)) + ": MAINPID=" + std::to_string(pid) +
              " is none of its processes and was ignored");
}

// A name counts when a process of the unit owns it, and not somebody else's.
void App::hear_of_bus_owner(const notify::Message::BusOwner& owner) {
  const auto [first, last] = configuration_.bus_names.equal_range(owner.name);
  std::vector<core::UnitIndex> units;
  std::transform(first, last, std::back_inserter(units), [](const auto& entry) { return entry.second; });
  for (const core::UnitIndex unit : units) {
    const bool owned = owner.pid > 0 && processes_.member(owner.pid, processes_of(unit));
    const bool up = engine_->view(unit).state == core::PublicState::Active;
    if (owned || up) feed(core::NameOwned{unit, owned});  // one that is still to come is not lost
  }
}

void App::hear_of_descriptors(core::UnitIndex unit, Voice& voice, Notice& notice) {
  if (notice.message->remove) return voices_->forget(voice, notice.message->fd_name);
  for (UniqueFd& fd : notice.fds) {
    auto kept = voices_->keep(voice, notice.message->fd_name, notice.message->poll, std::move(fd));
    if (!kept && kept.error().code != EEXIST)
      log_warning(std::string(engine_->graph()->name(unit)) +
                  ": descriptor not kept: " + kept.error().text());
  }
}

void App::on_ready_fd(std::uint32_t index) {
  if (Voice* voice = voices_->at(index)) hear_line(*voice);
}

void App::hear_line(const Voice& voice) {
  const Heard heard = voice.ready ? listen_for_line(voice.ready.get()) : Heard::Nothing;
  if (heard == Heard::Nothing) return;
  const std::uint64_t tag = voice.tag;
  const auto unit = engine_->graph()->find_tag(tag);
  if (unit && heard == Heard::Line) tell(*unit, Notified::What::Ready);
  if (unit && heard == Heard::Closed)
    log_warning(std::string(engine_->graph()->name(*unit)) + " closed its ready-fd without a line");
  if (Voice* still = voices_->find(tag)) voices_->close_ready(*still);
}

void App::on_hangup(std::uint32_t index) {
  if (Voice* voice = voices_->at(index / Voices::kPlaces)) voices_->forget(*voice, index % Voices::kPlaces);
}

// Before the plan is made: what it says of the socket and of descriptors.
Result<> App::give_voice(const core::Spawn& spawn, const unit::ServiceConfig& service, Equipment& equipment) {
  const NotifyAccess access = access_of(service);
  const bool main = spawn.role == core::Role::Main;
  const bool line = main && service.ready_fd >= 0;
  if (access == NotifyAccess::None && !line) return {};
  Voice& voice = voices_->make(engine_->graph()->tag(spawn.unit));
  equipment.voice = &voice;
  voice.access = access;
  voice.most_fds = static_cast<std::uint32_t>(service.fd_store_max);
  if (units_[spawn.unit].activation == spawn.attempt) voice.status.clear();
  LaunchRequest& request = equipment.request;
  if (access != NotifyAccess::None)
    request.environment.emplace_back("NOTIFY_SOCKET", voices_->socket_path(voice.tag));
  if (!main) return {};
  if (service.watchdog != kInfinity) {
    request.watchdog_pid = true;
    request.environment.emplace_back("WATCHDOG_USEC",
                                     std::to_string(service.watchdog / std::chrono::microseconds(1)));
  }
  give_back_descriptors(voice, equipment);
  if (!line) return {};
  auto ready = voices_->open_ready(voice);
  if (!ready) return Failure(ready.error());
  equipment.ready = std::move(*ready);
  request.passed.push_back(
      {static_cast<std::uint32_t>(equipment.fds.size()), static_cast<std::uint32_t>(service.ready_fd)});
  equipment.fds.push_back(equipment.ready.get());
  return {};
}

// As sd_listen_fds(3) has it.
void App::give_back_descriptors(const Voice& voice, Equipment& equipment) {
  if (voice.most_fds == 0) return;
  LaunchRequest& request = equipment.request;
  request.environment.emplace_back("FDSTORE", std::to_string(voice.most_fds));
  if (!voice.fds || voice.fds->all().empty()) return;
  std::string names;
  for (const auto& kept : voice.fds->all()) {
    const auto index = static_cast<std::uint32_t>(equipment.fds.size());
    request.passed.push_back({index, process::kFirstPassedFd + index});
    equipment.fds.push_back(kept.fd.get());
    names += (names.empty() ? "" : ":") + kept.name;
  }
  request.environment.emplace_back("LISTEN_FDS", std::to_string(equipment.fds.size()));
  request.environment.emplace_back("LISTEN_FDNAMES", names);
  request.listen_pid = true;
}

// What an earlier manager has left. Units that are gone, or down, have no voice.
void App::know_voices() {
  for (Voice* voice : voices_->all()) {
    const auto unit = engine_->graph()->find_tag(voice->tag);
    const auto definition = unit ? configuration_.unit(*unit) : std::nullopt;
    if (!definition || is_silent(*unit)) {
      voices_->close(voice->tag);
      continue;
    }
    voice->access = access_of(definition->service);
    voice->most_fds = static_cast<std::uint32_t>(definition->service.fd_store_max);
    if (const auto note = intents_.note(units_[*unit].place))
      voice->status = std::string(note->status.data(), note->status_size);
  }
}

// It is down and does not come back by itself.
bool App::is_silent(core::UnitIndex unit) const {
  const auto view = engine_->view(unit);
  const bool down = view.phase == core::State::Inactive || view.phase == core::State::Failed;
  return down && !view.leftover;
}

void App::carry_out(const core::WatchMain& watch) {
  searches_[engine_->graph()->tag(watch.unit)] = watch;
  look_for_main_processes();
}

void App::look_for_main_processes() {
  searches_due_ = MonotonicTime::never();
  for (auto at = searches_.begin(); at != searches_.end();) {
    const auto unit = engine_->graph()->find_tag(at->first);
    const bool over = !unit || engine_->record(*unit).main_attempt != at->second.attempt ||
                      look_for_main_process(*unit, at->second);
    at = over ? searches_.erase(at) : std::next(at);
  }
  if (!searches_.empty()) searches_due_ = monotonic_now() + kSearchInterval;
}

// Whether the search is over.
bool App::look_for_main_process(core::UnitIndex unit, const core::WatchMain& watch) {
  const UnitProcess of = processes_of(unit);
  pid_t pid = watch.pid;
  if (pid == 0) {
    const auto definition = configuration_.unit(unit);
    pid = find_main_process(
        processes_, {of, getppid(), definition ? definition->service.pid_file : "", invocation_id(unit)});
  } else if (!processes_.member(pid, of) || pid == pid_of(unit, engine_->record(unit).control_attempt)) {
    pid = 0;  // it has ended meanwhile, or PID 1 knows it as a step
  }
  if (pid == 0 && watch.pid == 0 && !processes_.empty(of)) return false;
  if (pid == 0) {
    const bool passed_on = watch.pid == 0 && engine_->record(unit).state != core::State::Forking;
    passed_on ? nobody_took_over(unit, watch.attempt) : main_process_is_gone(unit, watch.attempt);
    return true;
  }
  return watch_main_process(unit, watch.attempt, pid);
}

bool App::watch_main_process(core::UnitIndex unit, core::Attempt attempt, pid_t pid) {
  const std::uint32_t slot = slots_.take({unit, attempt, core::Role::Main, false, false});
  if (slot == kNoSlot) return false;
  channel::WatchBody body;
  body.tag = engine_->graph()->tag(unit);
  body.slot = slot;
  body.attempt = attempt;
  body.role = static_cast<std::uint32_t>(core::Role::Main);
  body.pid = pid;
  (void)channel_.watch(body);
  return true;
}

// PID 1 holds the process now. If it is none of the unit's, its number was another's when PID 1 looked.
bool App::is_another(core::UnitIndex unit, const channel::Slot& facts) const {
  const bool watched = (facts.flags & channel::kSlotWatched) != 0;
  return watched && facts.state == channel::SlotState::Running &&
         !processes_.member(facts.pid, processes_of(unit));
}

// The number stays with the slot until its process ends; nobody signals it.
void App::let_go_of(std::uint32_t slot) {
  const SlotUse use = *slots_.find(slot);
  slots_.release(slot);
  slots_.adopt(slot, {core::kNoUnit, use.attempt, use.role, true, true});
  if (pid_of(use.unit, use.attempt) != 0) return;  // another slot holds the right one
  is_forking(use.unit) ? carry_out(core::WatchMain{use.unit, use.attempt, 0})
                       : main_process_is_gone(use.unit, use.attempt);
  settle();
}

bool App::is_forking(core::UnitIndex unit) const {
  const auto definition = configuration_.unit(unit);
  return definition && definition->service.type == unit::ServiceType::Forking;
}

void App::main_process_is_gone(core::UnitIndex unit, core::Attempt attempt) {
  units_[unit].error = "find the main process: none of the unit's processes is left";
  events_.push_back(core::SpawnFailed{unit, attempt, core::SpawnError::Config, 0, ESRCH,
                                      !processes_.watch(processes_of(unit))});
}

// The last that was its main process ended well, and so did the service.
void App::nobody_took_over(core::UnitIndex unit, core::Attempt attempt) {
  events_.push_back(
      core::Exited{unit, attempt, {core::Exit::Kind::Code, 0}, !processes_.watch(processes_of(unit))});
}

// What looked like the main process of a forking service was one of its forks on the way, if it ends well and
// leaves others behind. The next one is looked for until there is one or nothing is left: each may be gone
// before it is held.
void App::pass_on_main(core::UnitIndex unit, const channel::Slot& facts) {
  const bool watched = (facts.flags & channel::kSlotWatched) != 0;
  const bool unknown = (facts.flags & channel::kSlotUncertain) != 0;
  const bool well =
      facts.exit_value == 0 && facts.exit_kind == static_cast<std::uint32_t>(core::Exit::Kind::Code);
  if (watched && (well || unknown) && is_forking(unit)) tell(unit, Notified::What::MainPid, 0);
}

}  // namespace init::manager
