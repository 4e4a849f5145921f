#include "daemon/manager/app/blame.h"

#include <signal.h>

#include <algorithm>
#include <exception>
#include <string>

#include "daemon/manager/os/log.h"
#include "libinit/api/message.h"
#include "libinit/base/checksum.h"
#include "libinit/process/exit_status.h"

namespace init::manager {
namespace {

bool has_crashed(const channel::FactsHeader& facts) {
  constexpr auto kExited = static_cast<std::int32_t>(process::ExitStatus::Kind::Exited);
  if (facts.manager_restarts == 0) return false;
  return facts.manager_last_exit_kind == kExited ? facts.manager_last_exit_value != 0
                                                 : facts.manager_last_exit_value != SIGKILL;
}

}  // namespace

InHand in_hand_job(core::Verb verb, std::uint64_t tag) {
  return {Work::Request, 0, fnv1a64(std::to_string(static_cast<int>(verb)) + "/" + std::to_string(tag))};
}

InHand in_hand_call(const api::Request& request) {
  if (std::holds_alternative<api::PowerRequest>(request) ||
      std::holds_alternative<api::RenewRequest>(request))
    return {};
  return {Work::Request, 0, fnv1a64(api::encode_call(request, {}, false))};
}

void Blame::judge(const channel::FactsHeader& facts) {
  const InHand work = std::exchange(header_.in_hand, InHand{});
  if (!has_crashed(facts) || work.kind == Work::None) return;
  if (std::exchange(header_.suspect, work) != work || refuses(work)) return;
  header_.refused[header_.refused_count % header_.refused.size()] = work;
  ++header_.refused_count;
  log_error(work.kind == Work::Unit ? "a unit has made the manager crash twice and is set aside"
                                    : "a request has made the manager crash twice and is refused");
}

std::span<const InHand> Blame::refused() const {
  return {header_.refused.data(), std::min<std::size_t>(header_.refused_count, header_.refused.size())};
}

bool Blame::refuses(const InHand& work) const {
  const auto all = refused();
  return work.kind != Work::None && std::find(all.begin(), all.end(), work) != all.end();
}

void Blame::forget() {
  header_.refused_count = 0;
  header_.suspect = {};
}

Blame::Mark::Mark(Blame& blame, const InHand& work)
    : in_hand_(blame.header_.in_hand), before_(in_hand_), exceptions_(std::uncaught_exceptions()) {
  if (before_.kind != Work::Request) in_hand_ = work;
}

// An exception that nobody catches is a crash as well, and what was in hand must still stand.
Blame::Mark::~Mark() {
  if (std::uncaught_exceptions() == exceptions_) in_hand_ = before_;
}

}  // namespace init::manager
