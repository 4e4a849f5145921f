// What requests ask of the application: jobs, shutdown, reload, signals.
#include <fcntl.h>

#include <algorithm>
#include <cstring>

#include "daemon/manager/app/app.h"
#include "daemon/manager/app/bus_names.h"
#include "daemon/manager/os/log.h"
#include "daemon/manager/os/unit_pipes.h"
#include "libinit/base/accounts.h"

namespace init::manager {
namespace {

JournalEntry new_entry(std::string_view request_id) {
  JournalEntry entry;
  entry.state = JournalState::Accepted;
  entry.request_id_size = static_cast<std::uint32_t>(std::min(request_id.size(), kRequestIdBytes));
  std::memcpy(entry.request_id.data(), request_id.data(), entry.request_id_size);
  return entry;
}

}  // namespace

ViewContext App::view_context() {
  const auto refused = blame_.refused();
  const bool request = std::any_of(refused.begin(), refused.end(),
                                   [](const InHand& work) { return work.kind == Work::Request; });
  return {*engine_,        configuration_,    processes_, units_,       *voices_, options_,
          facts_.header(), intents_.header(), *logging_,  restriction_, request};
}

const JournalEntry* App::find_request(std::string_view request_id) const {
  return intents_.find_request(request_id);
}

bool App::flush_log(core::UnitIndex unit) {
  return logging_->flush(engine_->graph()->tag(unit));
}

bool App::is_operator(const control::Peer& peer, std::string_view unit) const {
  const auto index = engine_->graph()->find(unit);
  const auto definition = index ? configuration_.unit(*index) : std::nullopt;
  if (!definition) return false;
  return std::any_of(definition->operators.begin(), definition->operators.end(),
                     [&peer](const std::string& name) {
                       const auto user = find_user(name);
                       return user && user->uid == peer.uid;
                     });
}

core::JobId App::submit(core::Requested request, std::string_view request_id, const Begun& begun) {
  JournalEntry entry = new_entry(request_id);
  request.job = intents_.header().next_job++;
  entry.job.job = request.job;
  entry.job.unit = engine_->graph()->tag(request.unit);
  entry.job.uid = request.uid;
  entry.job.verb = static_cast<core::JobVerb>(request.verb);
  if (!intents_.begin(entry)) return 0;
  if (begun) begun(request.job);
  feed(request);
  return request.job;
}

void App::remember(std::string_view request_id) {
  if (request_id.empty()) return;
  JournalEntry entry = new_entry(request_id);
  entry.state = JournalState::Done;
  entry.job.job = intents_.header().next_job++;
  (void)intents_.begin(entry);
}

void App::submit_shutdown(const Shutdown& shutdown, std::string_view request_id) {
  auto& header = intents_.header();
  JournalEntry entry = new_entry(request_id);
  entry.job.job = header.next_job++;
  entry.job.uid = shutdown.uid;
  entry.job.verb = core::JobVerb::Shutdown;
  entry.job.power = shutdown.kind;
  // A shutdown is carried out even when no place is left to write it down.
  (void)intents_.begin(entry);
  if (header.shutdown == 0) {
    stop_deadline_ = monotonic_now() + configuration_.system.stop_deadline;
    header.stop_deadline_ns = stop_deadline_.since_epoch.count();
    header.exit_code = shutdown.exit_code;
  }
  header.shutdown = 1 + static_cast<std::uint32_t>(shutdown.kind);
  feed(core::ShutdownRequested{shutdown.kind, entry.job.job, shutdown.uid});
}

bool App::signal(core::UnitIndex unit, int signal, bool all) {
  const auto& record = engine_->record(unit);
  const std::uint32_t slot = slots_.find(unit, record.main_attempt);
  const UnitProcess of = processes_of(unit);
  const bool others = all && !processes_.empty(of);
  if (others) processes_.signal_others(of, signal);
  if (slot != kNoSlot) channel_.signal({slot, record.main_attempt, signal});
  channel_.flush();  // before the request counts as done
  return others || slot != kNoSlot;
}

Result<api::DaemonReloadReply> App::reload() {
  Reading reading = read_units(options_, &configuration_.whole);
  keep_running_units(reading);
  auto compiled = unit::compile_generation(reading.units, reading.system);
  if (!compiled) return Failure(compiled.error());
  UniqueFd copy(fcntl(compiled->get(), F_DUPFD_CLOEXEC, 0));
  auto fresh = Configuration::open(std::move(copy), restriction_);
  if (!fresh) return Failure(fresh.error());
  api::DaemonReloadReply reply = compare(configuration_, *fresh);
  for (const auto& diagnostic : reading.diagnostics) {
    const bool error = diagnostic.severity == unit::Severity::Error;
    const std::string where =
        diagnostic.path + ":" + std::to_string(diagnostic.line) + ":" + std::to_string(diagnostic.column);
    reply.diagnostics.push_back(
        {error ? api::Severity::Error : api::Severity::Warning, where, unit::render(diagnostic, false)});
  }
  signal_all_others();
  // From here on a crash recovers into the new generation.
  if (auto kept = channel_.store(channel::kStoreGeneration, 0, compiled->get()); !kept)
    return Failure(kept.error());
  if (auto saved = save_generation(options_, compiled->get()); !saved) log_warning(saved.error().text());
  const auto old = engine_->graph();
  configuration_ = std::move(*fresh);
  logging_->look_at_syslog();
  intents_.header().loaded_wall_ns = wall_now().since_epoch.count();
  timers_.clear();
  settling_ = true;
  const MonotonicTime now = monotonic_now();
  record(core::Reloaded{configuration_.graph}, now);
  engine_->handle(core::Reloaded{configuration_.graph}, now, *this);
  record_actions(now);
  renumber(*old);
  limit_slices();
  drop_unit_pipes(channel_, facts_, [this](std::uint64_t tag) {
    const auto unit = configuration_.graph->find_tag(tag);
    if (is_aside(tag)) return true;
    return unit && configuration_.readers.contains(configuration_.graph->name(*unit));
  });
  commit();
  carry_out_all();
  settling_ = false;
  settle();
  const auto changed = std::find(reply.changed.begin(), reply.changed.end(), kBusUnit);
  const auto watcher = engine_->graph()->find(kBusUnit);
  if (changed != reply.changed.end() && watcher)  // the names that it watches are its arguments
    (void)submit({0, core::Verb::TryRestart, *watcher, 0, false}, {}, [](core::JobId) {});
  return reply;
}

// A unit whose file is gone but that is not down keeps its definition, so that it can be stopped as it says;
// the next reload takes it away.
void App::keep_running_units(Reading& reading) const {
  const auto& generation = configuration_.generation;
  const auto by_id = [](const unit::Unit& unit, std::string_view id) { return unit.id < id; };
  for (core::UnitIndex unit = 0; unit < generation.size(); ++unit) {
    const auto view = engine_->view(unit);
    const bool down = view.state == core::PublicState::Inactive || view.state == core::PublicState::Failed;
    const auto at = std::lower_bound(reading.units.begin(), reading.units.end(), generation.id(unit), by_id);
    if ((at != reading.units.end() && at->id == generation.id(unit)) || (down && !view.leftover)) continue;
    auto definition = configuration_.unit(unit);
    if (!definition) continue;
    if (!definition->files.empty()) {  // it had one
      unit::Diagnostic note;
      note.severity = unit::Severity::Warning;
      note.path = definition->files.front();
      note.message =
          definition->id + " has no file any more and is not down: its definition stays until it is";
      reading.diagnostics.push_back(std::move(note));
    }
    reading.units.insert(at, std::move(*definition));
  }
}

void App::renumber(const core::Graph& old) {
  const auto& graph = *engine_->graph();
  std::vector<core::UnitIndex> new_index(old.size(), core::kNoUnit);
  std::vector<UnitState> states(graph.size());
  for (core::UnitIndex unit = 0; unit < old.size(); ++unit) {
    if (const auto found = graph.find_tag(old.tag(unit))) {
      new_index[unit] = *found;
      states[*found] = std::move(units_[unit]);
    } else {
      intents_.release(units_[unit].place);
    }
  }
  units_ = std::move(states);
  slots_.renumber(new_index);
  renumber_launches(new_index);
}

}  // namespace init::manager
