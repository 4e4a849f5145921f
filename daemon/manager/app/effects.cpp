// How the engine's actions are carried out.
#include <fcntl.h>
#include <signal.h>

#include <array>
#include <cstdio>

#include "daemon/manager/app/app.h"
#include "daemon/manager/app/key_errors.h"
#include "daemon/manager/app/launcher.h"
#include "daemon/manager/app/wording.h"
#include "daemon/manager/os/credentials.h"
#include "daemon/manager/os/log.h"
#include "daemon/manager/os/resources.h"
#include "daemon/manager/os/unit_pipes.h"
#include "libinit/base/checksum.h"
#include "libinit/base/text.h"
#include "libinit/core/policy.h"
#include "libinit/log/names.h"
#include "libinit/unit/outputs.h"
#include "libinit/unit/slices.h"

namespace init::manager {
namespace {

constexpr Duration kHeadStart = std::chrono::milliseconds(10);

Failure at_resource(const unit::Unit& unit, const Error& error) {
  return at_key(unit, "resources", error.step, error);
}

// Whether PID 1 starts it again when no manager can.
bool is_kept(const unit::Unit& unit) {
  return unit.essential && unit.service.restart != unit::RestartPolicy::No &&
         unit.service.type != unit::ServiceType::Oneshot && unit.service.type != unit::ServiceType::Forking;
}

}  // namespace

UnitProcess App::processes_of(core::UnitIndex unit) const {
  return {std::string(engine_->graph()->name(unit)), engine_->record(unit).leader};
}

std::string App::hash_id(const std::string& text) {
  std::array<char, 33> digits{};
  std::snprintf(digits.data(), digits.size(), "%016llx%016llx",
                static_cast<unsigned long long>(fnv1a64(text + "/a")),
                static_cast<unsigned long long>(fnv1a64(text + "/b")));
  return digits.data();
}

// The same for all processes of one activation, and over a restart of the manager, without being kept
// anywhere.
std::string App::invocation_id(core::UnitIndex unit) const {
  return invocation_id(engine_->graph()->name(unit), units_[unit].activation);
}

std::string App::invocation_id(std::string_view unit, core::Attempt activation) const {
  const std::string seed = boot_id_ + "/" + std::string(unit) + "/" + std::to_string(activation);
  return hash_id(seed);
}

void App::carry_out(const core::Spawn& spawn) {
  auto& state = units_[spawn.unit];
  if (spawn.step == 0 && core::begins_run(engine_->graph()->policy(spawn.unit), spawn.role)) {
    state.activation = spawn.attempt;
    keep_note(spawn.unit);
  }
  state.error.clear();
  if (state.activation == spawn.attempt && !clear_leftovers(spawn)) return;
  begin_launch(spawn);
}

Result<> App::launch(const core::Spawn& spawn, const unit::Unit& definition, const Prepared& prepared) {
  Equipment equipment;
  equipment.request.role = spawn.role;
  equipment.request.step = spawn.step;
  equipment.request.invocation_id = invocation_id(spawn.unit);
  equipment.request.environment = hook_variables(*engine_, spawn.unit, spawn.role);
  if (auto given = give_voice(spawn, definition.service, equipment); !given) return given;
  if (auto held = await_login_record(spawn, definition, equipment); !held) return held;
  if (auto opened = open_pipes(spawn.unit, definition, equipment); !opened) return opened;
  auto made = make_launch_plan(definition, equipment.request, prepared, options_);
  if (!made) return Failure(made.error());
  if (equipment.voice != nullptr && equipment.voice->access != unit::NotifyAccess::None) {
    if (auto opened = voices_->open_socket(*equipment.voice, plan_user(made->plan)); !opened) return opened;
    // What was said to an earlier run says nothing of this one.
    if (units_[spawn.unit].activation == spawn.attempt) equipment.voice->socket->discard_all();
  }
  return send_spawn(spawn, definition, *made, equipment.fds);
}

Result<> App::send_spawn(const core::Spawn& spawn, const unit::Unit& unit, const Launch& launch,
                         std::span<const int> passed) {
  auto place = processes_.place(unit.id, unit.service.context.resources.slice);
  if (!place) return Failure(place.error());
  if (auto limited = limit_resources(unit, launch, units_[spawn.unit]); !limited) return limited;
  const std::uint32_t slot = slots_.take({spawn.unit, spawn.attempt, spawn.role, false, false});
  if (slot == kNoSlot) return failure(EAGAIN, "find a slot", unit.id);
  channel::SpawnBody body;
  body.tag = engine_->graph()->tag(spawn.unit);
  body.slot = slot;
  body.attempt = spawn.attempt;
  body.role = static_cast<std::uint32_t>(spawn.role);
  std::vector<int> fds;
  if (place->directory) {
    body.flags = channel::kSpawnHasCgroup;
    fds = {place->directory.get()};
  }
  if (place->procs) {
    body.flags |= channel::kSpawnHasCgroupProcs;
    fds.push_back(place->procs.get());
  }
  UnitState& state = units_[spawn.unit];
  if (spawn.role == core::Role::Main) state.kept = is_kept(unit);
  if (spawn.role == core::Role::Main && state.kept) body.flags |= channel::kSpawnKept;
  fds.insert(fds.end(), passed.begin(), passed.end());
  for (const auto& own : launch.passed) fds.push_back(own.get());
  auto sent = channel_.spawn(body, launch.plan, fds);
  if (!sent) slots_.release(slot);
  return sent;
}

// A controller that is not there is told by `status`; what the kernel refuses, refuses the start.
Result<> App::limit_resources(const unit::Unit& unit, const Launch& launch, UnitState& state) {
  if (!processes_.has_cgroups()) return {};
  const int units = processes_.units_directory();
  const auto& resources = unit.service.context.resources;
  for (const std::string& slice : unit::slices_down_to(resources.slice)) {
    if (auto limited = limit_slice(slice); !limited) return limited;
  }
  const std::string leaf = processes_.leaf(unit.id);
  const auto settings = cgroup_settings(resources, machine_memory());
  if (auto applied = apply_settings(units, leaf, settings); !applied)
    return at_resource(unit, applied.error());
  if (resources.delegate) {
    if (auto given = delegate_group(units, leaf, launch.uid, launch.gid); !given)
      return at_resource(unit, given.error());
  }
  if (!settings.empty() || resources.delegate) processes_.use_up(unit.id);
  state.oom_kills = oom_kills(units, leaf);
  if (resources.oom_policy == unit::OomPolicy::Stop) processes_.watch_memory(unit.id);
  keep_note(*engine_->graph()->find(unit.id));
  return {};
}

// Its controllers are there for what lies in it, too: so each shows what it uses.
Result<> App::limit_slice(const std::string& slice) {
  const auto index = engine_->graph()->find(slice);
  const auto definition = index ? configuration_.unit(*index) : std::nullopt;
  if (!definition) return {};
  const int units = processes_.units_directory();
  const std::string group = processes_.leaf(slice);
  const auto settings = cgroup_settings(definition->service.context.resources, machine_memory());
  if (auto applied = apply_settings(units, group, settings); !applied)
    return at_resource(*definition, applied.error());
  for (const auto& setting : settings) enable_controller(units, group + "/", setting.controller);
  reset_others(units, group, settings);
  return {};
}

// After a reload; of a slice that nothing runs in they are put in force by what starts there.
void App::limit_slices() {
  if (!processes_.has_cgroups()) return;
  for (core::UnitIndex unit = 0; unit < configuration_.generation.size(); ++unit) {
    const std::string name(configuration_.generation.id(unit));
    if (!unit::is_slice(name) || processes_.empty({name, 0})) continue;
    if (auto limited = limit_slice(name); !limited) log_warning(name + ": " + limited.error().text());
  }
}

LogOwner App::log_owner(core::UnitIndex unit, core::Attempt activation) const {
  const auto definition = configuration_.unit(unit);
  const std::string name(engine_->graph()->name(unit));
  LogOwner owner{name, engine_->graph()->tag(unit), activation, invocation_id(name, activation), {}, {}};
  if (!definition) return owner;
  const auto& service = definition->service;
  owner.config = service.log;
  owner.forward = {forward_of(service.standard_output), forward_of(service.standard_error)};
  const unit::Probe& ready = service.ready;
  if (ready.kind == unit::ProbeKind::LogLine) owner.ready_line = ready.target;
  return owner;
}

// Where the lines of an output go beside the log.
std::uint8_t App::forward_of(const unit::Output& output) const {
  const bool container = facts_.header().environment == channel::Environment::Container &&
                         configuration_.system.container_forward_logs;
  const std::uint8_t always = container ? std::uint8_t{channel::kForwardStdout} : std::uint8_t{0};
  switch (output.kind) {
    case unit::OutputKind::Syslog:
      return always | channel::kForwardSyslog;
    case unit::OutputKind::Kmsg:
      return always | channel::kForwardKmsg;
    case unit::OutputKind::Console:
      return always | channel::kForwardConsole;
    default:
      return always;
  }
}

// Whose a pipe in the store is, of which only the lower 24 bits of the activation are known.
LogOwner App::log_owner_of(std::uint64_t tag, std::uint32_t activation) const {
  const auto unit = engine_ ? engine_->graph()->find_tag(tag) : configuration_.graph->find_tag(tag);
  if (const auto aside = configuration_.aside.find(tag); aside != configuration_.aside.end())
    return {aside->second, tag, activation, invocation_id(aside->second, activation), {}, {}};
  if (!unit || tag == fnv1a64(log::kInitd)) {  // its own words, or those of a unit that is no longer known
    const std::string name(log::kInitd);
    return {name, tag, activation, invocation_id(name, 0), {}, {}};
  }
  core::Attempt whole = (units_[*unit].activation & ~0xffffffU) | activation;
  if (whole > units_[*unit].activation && whole > 0xffffffU) whole -= 0x1000000U;
  return log_owner(*unit, whole);
}

Result<int> App::unit_pipe(std::string_view reader, int access, Equipment& equipment) {
  auto end = open_unit_pipe(channel_, fnv1a64(reader), access);
  if (!end) return Failure(end.error());
  equipment.own.push_back(std::move(*end));
  return equipment.own.back().get();
}

// -1: it needs none.
Result<int> App::output_pipe(core::UnitIndex index, const unit::Unit& unit, std::uint32_t stream,
                             Equipment& equipment) {
  const auto& output = stream == 0 ? unit.service.standard_output : unit.service.standard_error;
  if (output.kind == unit::OutputKind::Unit) {
    const auto found = engine_->graph()->find(output.path);
    const auto reader = found ? configuration_.unit(*found) : std::nullopt;
    const auto why = unit::why_not_readable(reader ? &*reader : nullptr);
    auto end =
        why.empty() ? unit_pipe(output.path, O_WRONLY, equipment) : failure(0, std::string(why), output.path);
    if (!end) return at_key(unit, "service", stream == 0 ? "stdout" : "stderr", end.error());
    return end;
  }
  if (!unit::is_logged(unit.service, output) || !logging_->available()) return -1;
  auto end = logging_->pipe(log_owner(index, units_[index].activation), stream);
  if (end) return end;
  log_error(unit.id + " writes to a plain file: " + end.error().text());
  return -1;
}

// Their ends go with the process, as the last descriptors that come with its request.
Result<> App::open_pipes(core::UnitIndex index, const unit::Unit& unit, Equipment& equipment) {
  const auto give = [&equipment](std::size_t stream, int end) {
    if (end < 0) return;
    equipment.request.pipes[stream] = static_cast<std::uint32_t>(equipment.fds.size());
    equipment.fds.push_back(end);
  };
  for (std::uint32_t stream = 0; stream < 2; ++stream) {
    const auto end = output_pipe(index, unit, stream, equipment);
    if (!end) return Failure(end.error());
    give(1 + stream, *end);
  }
  const auto& request = equipment.request;
  const bool reads = request.role == core::Role::Main && request.probe == nullptr &&
                     unit.service.standard_input.kind == unit::InputKind::Null &&
                     configuration_.readers.contains(unit.id);
  if (reads) {
    const auto end = unit_pipe(unit.id, O_RDONLY, equipment);
    if (!end) return at_key(unit, "service", "stdin", end.error());
    give(0, *end);
  }
  equipment.request.given = static_cast<std::uint32_t>(equipment.fds.size());
  return {};
}

// What the manager itself lacks is not the unit's failure either.
void App::refuse_spawn(const core::Spawn& spawn, const Error& error) {
  units_[spawn.unit].error = error.text();
  const auto kind = is_shortage(error.code) ? core::SpawnError::Resources : core::SpawnError::Config;
  events_.push_back(core::SpawnFailed{spawn.unit, spawn.attempt, kind, 0, error.code});
}

// The leader first: most groups are empty when it has ended, and need not be looked at. The others get theirs
// when it has ended, and do not wait for longer than the head start.
void App::carry_out(const core::Signal& signal) {
  cancel_launch(signal.unit, signal.attempt);
  const std::uint32_t slot = slots_.find(signal.unit, signal.attempt);
  let_end(signal.unit, slot);
  if (slot != kNoSlot) channel_.signal({slot, signal.attempt, signal.signal});
  if (signal.target != core::SignalTarget::Group) return;
  signal_others(signal.unit);  // what an earlier signal has left to do
  others_[signal.unit] = signal.signal;
  if (slot == kNoSlot) return signal_others(signal.unit);
  if (others_due_ == MonotonicTime::never()) others_due_ = monotonic_now() + kHeadStart;
}

// On its way down PID 1 is not to start it again, should there be no manager then.
void App::let_end(core::UnitIndex unit, std::uint32_t slot) {
  if (!units_[unit].kept || slot == kNoSlot) return;
  if (engine_->view(unit).state != core::PublicState::Deactivating) return;
  units_[unit].kept = false;
  (void)channel_.drop(channel::kStoreKept, slot);
}

void App::signal_others(core::UnitIndex unit) {
  const auto at = others_.find(unit);
  if (at == others_.end()) return;
  processes_.signal_others(processes_of(unit), at->second);
  others_.erase(at);
}

void App::signal_all_others() {
  others_due_ = MonotonicTime::never();
  while (!others_.empty()) signal_others(others_.begin()->first);
}

void App::carry_out(const core::KillGroup& kill) {
  cancel_launch(kill.unit, engine_->record(kill.unit).main_attempt);
  cancel_launch(kill.unit, engine_->record(kill.unit).control_attempt);
  others_.erase(kill.unit);
  const UnitProcess of = processes_of(kill.unit);
  const std::uint32_t slot = slots_.find(kill.unit, engine_->record(kill.unit).main_attempt);
  // The leader may still be on its way into its cgroup.
  if (slot != kNoSlot) channel_.signal({slot, engine_->record(kill.unit).main_attempt, SIGKILL});
  processes_.kill(of);
  if (!processes_.watch(of)) events_.push_back(core::GroupEmpty{kill.unit});
}

void App::carry_out(const core::StateChanged& change) {
  const std::string name(engine_->graph()->name(change.unit));
  if (change.to == core::PublicState::Failed) {
    const auto view = engine_->view(change.unit);
    log_warning(name + " " + state_text(view_context(), change.unit, view));
  }
  const bool alive = change.to == core::PublicState::Active || change.to == core::PublicState::Activating ||
                     change.to == core::PublicState::Reloading;
  if (!alive) forget_probe(change.unit);
  tell_hook(change);
  const bool down = change.to == core::PublicState::Inactive || change.to == core::PublicState::Failed;
  if (down) remove_runtime_directories(name, processes_of(change.unit));
  if (down && is_silent(change.unit)) voices_->close(engine_->graph()->tag(change.unit));
  if (down) logging_->release(engine_->graph()->tag(change.unit));
  // At shutdown the leaves go with whoever made the whole, or with the machine.
  if (down && intents_.header().shutdown == 0) processes_.remove(name);
  if (facts_.header().environment == channel::Environment::Container) end_with_main_units(change.unit);
}

Result<> App::hold_runtime_directories(const unit::Unit& unit) {
  std::vector<std::string> names;
  for (const auto& directory : unit.service.directories) {
    if (directory.kind == unit::DirectoryKind::Runtime) names.push_back(directory.name);
  }
  return names.empty() ? Result<>() : runtime_directories_.hold(unit.id, names);
}

// They stay over automatic restarts, and while anything of the unit may still use them.
void App::remove_runtime_directories(const std::string& unit, const UnitProcess& processes) {
  if (!processes_.empty(processes)) return;
  if (auto removed = remove_credentials(credentials_place(options_), unit); !removed)
    log_warning(unit + ": " + removed.error().text());
  for (const Error& error : runtime_directories_.release(unit)) log_warning(unit + ": " + error.text());
}

void App::carry_out(const core::JobFinished& job) {
  channel_.flush();  // a signal that the job was about
  auto& header = intents_.header();
  if (const JournalEntry* found = intents_.find_job(job.job)) {
    JournalEntry entry = *found;
    entry.state = JournalState::Done;
    entry.job.outcome = job.outcome;
    entry.job.cause = job.cause == core::kNoUnit ? 0 : engine_->graph()->tag(job.cause);
    intents_.change(entry);
    intents_.commit();
  }
  if (job.job == header.boot_job && header.boot_done == 0) {
    const MonotonicTime started{Duration(static_cast<std::int64_t>(facts_.header().started_ns))};
    header.boot_duration_ns = (monotonic_now() - started).count();
    header.boot_done = 1;
    tell_ready();
    const bool done = job.outcome == core::JobOutcome::Done;
    log_info((done ? "up in " : "boot target not reached after ") +
             duration_text(Duration(header.boot_duration_ns)));
  }
  if (requests_) requests_->finished(job);
}

void App::carry_out(const core::Power& power) {
  finish(power.kind);
}

void App::finish(core::PowerKind kind) {
  stop_deadline_ = MonotonicTime::never();
  channel::FinishBody body;
  switch (kind) {
    case core::PowerKind::Exit:
      body.kind = channel::FinishKind::Exit;
      break;
    case core::PowerKind::Poweroff:
      body.kind = channel::FinishKind::Poweroff;
      break;
    case core::PowerKind::Reboot:
      body.kind = channel::FinishKind::Reboot;
      break;
    case core::PowerKind::Halt:
      body.kind = channel::FinishKind::Halt;
      break;
  }
  body.exit_code = intents_.header().exit_code;
  processes_.remove_subtree();
  (void)channel_.finish(body);
}

}  // namespace init::manager
