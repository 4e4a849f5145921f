// What requests ask of the application: jobs, shutdown, signals.
#include <algorithm>
#include <cstring>

#include "daemon/manager/app/app.h"
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

}  // namespace init::manager
