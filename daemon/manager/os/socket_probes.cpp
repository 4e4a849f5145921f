#include "daemon/manager/os/socket_probes.h"

#include <cerrno>
#include <cstring>

namespace init::manager {

void SocketProbes::begin(std::uint64_t id, SocketTarget target, MonotonicTime deadline) {
  cancel(id);
  const auto at = by_token_.emplace(++last_token_, Entry{SocketProbe(std::move(target)), id, deadline}).first;
  by_id_[id] = at->first;
  by_deadline_.insert({deadline, at->first});
  take_state(at, at->second.probe.begin());
}

void SocketProbes::cancel(std::uint64_t id) {
  if (const auto at = by_id_.find(id); at != by_id_.end()) forget(by_token_.find(at->second));
}

void SocketProbes::forget(Entries::iterator at) {
  by_id_.erase(at->second.id);
  by_deadline_.erase({at->second.deadline, at->first});
  by_token_.erase(at);  // closing its socket takes it out of the loop
}

void SocketProbes::take_state(Entries::iterator at, SocketProbe::State state) {
  const SocketProbe& probe = at->second.probe;
  if (state == SocketProbe::State::Pending) {
    const process::Token token{token_kind_, at->first};
    int error = loop_.change(probe.fd(), probe.events(), token);
    if (error == ENOENT) error = loop_.add(probe.fd(), probe.events(), token);
    if (error == 0) return;
    results_.push_back({at->second.id, false, std::string("watch: ") + strerrordesc_np(error)});
  } else {
    const bool ok = state == SocketProbe::State::Good;
    results_.push_back({at->second.id, ok, ok ? std::string() : probe.problem()});
  }
  forget(at);
}

void SocketProbes::handle(const process::Ready& ready) {
  const auto at = by_token_.find(ready.token.index);
  if (at != by_token_.end()) take_state(at, at->second.probe.drain());
}

MonotonicTime SocketProbes::next_deadline() const {
  if (!results_.empty()) return {};
  return by_deadline_.empty() ? MonotonicTime::never() : by_deadline_.begin()->first;
}

std::vector<SocketProbes::Result> SocketProbes::take_results(MonotonicTime now) {
  while (!by_deadline_.empty() && by_deadline_.begin()->first <= now) {
    const auto at = by_token_.find(by_deadline_.begin()->second);
    results_.push_back({at->second.id, false, at->second.probe.problem()});
    forget(at);
  }
  return std::exchange(results_, {});
}

}  // namespace init::manager
