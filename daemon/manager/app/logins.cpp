// Entries of utmp(5) for units with a utmp-id. Programs that let people log in look for the entry of their
// own pid, so it is written before theirs run: the child says who it is and waits. A helper writes, for
// anybody who may read the files can lock them for as long as he likes; when it takes too long, or dies with
// the manager, the child goes on without.
#include "daemon/manager/app/app.h"
#include "daemon/manager/os/log.h"
#include "daemon/manager/os/utmp.h"

namespace init::manager {
namespace {

constexpr Duration kLimit = std::chrono::seconds(10);

}  // namespace

Result<> App::await_login_record(const core::Spawn& spawn, const unit::Unit& unit, Equipment& equipment) {
  const unit::Terminal& tty = unit.service.context.tty;
  if (tty.utmp_id.empty() || spawn.role != core::Role::Main) return {};
  auto pair = make_greeting_pair();
  if (!pair) return Failure(pair.error());
  const auto write = [&tty]() -> std::string {
    const pid_t pid = await_greeting(Helpers::kKept);
    if (pid > 0) record_init_process({}, pid, tty.utmp_id, tty.path);
    return {};
  };
  if (auto started = helpers_->start(++last_helper_, write, kLimit, pair->first.get()); !started)
    return started;
  equipment.request.await_end = static_cast<std::uint32_t>(equipment.fds.size());
  equipment.fds.push_back(pair->second.get());
  equipment.own.push_back(std::move(pair->second));
  return {};
}

void App::record_login_end(std::uint32_t slot) {
  const SlotUse* use = slots_.find(slot);
  if (use == nullptr || use->unit == core::kNoUnit || use->role != core::Role::Main) return;
  const std::string_view name = engine_->graph()->name(use->unit);
  channel::Slot facts;
  if (!configuration_.logins.contains(name) || !facts_.read_slot(slot, facts) || facts.pid <= 0) return;
  const auto write = [pid = facts.pid]() -> std::string {
    record_dead_process({}, pid);
    return {};
  };
  if (auto started = helpers_->start(++last_helper_, write, kLimit); !started)
    log_warning(std::string(name) + ": its end is not written to utmp: " + started.error().text());
}

}  // namespace init::manager
