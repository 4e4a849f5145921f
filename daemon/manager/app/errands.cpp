#include "daemon/manager/app/errands.h"

#include <signal.h>

#include <cerrno>

namespace init::manager {
namespace {

// By the slot alone, so that a manager that has forgotten the errand finds its group.
std::string group_of(std::uint32_t slot) {
  return "errand-" + std::to_string(slot);
}

}  // namespace

Result<Errands::Id> Errands::begin(std::span<const std::byte> plan, std::span<const int> passed,
                                   MonotonicTime deadline) {
  const Id id = ++last_id_;
  const auto attempt = static_cast<std::uint32_t>(id);
  const std::uint32_t slot = slots_.take({core::kNoUnit, attempt, {}, false, false, true});
  if (slot == kNoSlot) return failure(EAGAIN, "find a slot");
  const std::string group = group_of(slot);
  // An errand that cannot be killed keeps its group.
  auto place = processes_.empty({group, 0}) ? processes_.place(group) : failure(EBUSY, "find a group", group);
  if (!place) {
    slots_.release(slot);
    return Failure(place.error());
  }
  channel::SpawnBody body;
  body.slot = slot;
  body.attempt = attempt;
  body.role = kErrandRole;
  std::vector<int> fds;
  if (place->directory) {
    body.flags |= channel::kSpawnHasCgroup;
    fds.push_back(place->directory.get());
  }
  if (place->procs) {
    body.flags |= channel::kSpawnHasCgroupProcs;
    fds.push_back(place->procs.get());
  }
  fds.insert(fds.end(), passed.begin(), passed.end());
  if (auto sent = channel_.spawn(body, plan, fds); !sent) {
    slots_.release(slot);
    return Failure(sent.error());
  }
  running_[slot] = {id, attempt, deadline};
  by_deadline_.insert({deadline, slot});
  return id;
}

void Errands::kill(std::uint32_t slot, const Errand& errand) {
  channel_.signal({slot, errand.attempt, SIGKILL});
  processes_.kill({group_of(slot), errand.leader});
}

void Errands::let_go(Running::iterator at) {
  at->second.wanted = false;
  by_deadline_.erase({at->second.deadline, at->first});
  kill(at->first, at->second);
}

void Errands::cancel(Id id) {
  for (auto at = running_.begin(); at != running_.end(); ++at) {
    if (at->second.id == id && at->second.wanted) return let_go(at);
  }
}

void Errands::adopt(std::uint32_t slot, const channel::Slot& facts) {
  slots_.adopt(slot, {core::kNoUnit, facts.attempt, {}, true, true, true});
  last_id_ = std::max<Id>(last_id_, facts.attempt);
  Errand& errand = running_[slot] = {0, facts.attempt, MonotonicTime::never(), facts.pid, false};
  kill(slot, errand);
  on_slot(slot, facts);
}

void Errands::on_slot(std::uint32_t slot, const channel::Slot& facts) {
  const auto at = running_.find(slot);
  if (at == running_.end()) return;
  Errand& errand = at->second;
  errand.leader = facts.pid;
  if (facts.state != channel::SlotState::Exited && facts.state != channel::SlotState::Failed) return;
  const bool ran = facts.state == channel::SlotState::Exited;
  if (errand.wanted) {
    const core::Exit exit{static_cast<core::Exit::Kind>(facts.exit_kind), facts.exit_value};
    done_.push_back({errand.id, ran ? Done::How::Ended : Done::How::NeverRan, exit, facts.failed_errno});
  }
  const UnitProcess left{group_of(slot), errand.leader};
  if (!processes_.empty(left)) processes_.kill(left);
  by_deadline_.erase({errand.deadline, slot});
  running_.erase(at);
  channel_.acknowledge({slot, facts.attempt});
  slots_.release(slot);
}

MonotonicTime Errands::next_deadline() const {
  if (!done_.empty()) return {};
  return by_deadline_.empty() ? MonotonicTime::never() : by_deadline_.begin()->first;
}

std::vector<Errands::Done> Errands::take_done(MonotonicTime now) {
  while (!by_deadline_.empty() && by_deadline_.begin()->first <= now) {
    const auto at = running_.find(by_deadline_.begin()->second);
    done_.push_back({at->second.id, Done::How::TooLong, {}, 0});
    let_go(at);
  }
  return std::exchange(done_, {});
}

}  // namespace init::manager
