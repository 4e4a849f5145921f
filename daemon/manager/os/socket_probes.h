// All probes that are connections right now, in the loop of the application: at most one of a kind per unit.
#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemon/manager/os/socket_probe.h"
#include "libinit/base/time.h"
#include "libinit/process/poller.h"

namespace init::manager {

class SocketProbes {
 public:
  struct Result {
    std::uint64_t id = 0;
    bool ok = false;
    std::string problem;  // when not ok
  };

  // loop must outlive this; what is ready comes with this kind of token.
  SocketProbes(process::Poller& loop, std::uint32_t token_kind) : loop_(loop), token_kind_(token_kind) {}

  // Connects; the result comes by take_results(), as a failure once the deadline has passed. One of the same
  // id that has no result yet is forgotten.
  void begin(std::uint64_t id, SocketTarget target, MonotonicTime deadline);
  void cancel(std::uint64_t id);

  // For every Ready of the token kind.
  void handle(const process::Ready& ready);
  // never() when none is under way.
  [[nodiscard]] MonotonicTime next_deadline() const;
  // Of those that are over by now, each once.
  [[nodiscard]] std::vector<Result> take_results(MonotonicTime now);
  [[nodiscard]] std::size_t under_way() const { return by_token_.size(); }

 private:
  struct Entry {
    SocketProbe probe;
    std::uint64_t id = 0;
    MonotonicTime deadline;
  };
  using Entries = std::map<std::uint32_t, Entry>;

  void take_state(Entries::iterator at, SocketProbe::State state);
  void forget(Entries::iterator at);

  process::Poller& loop_;
  std::uint32_t token_kind_;
  std::uint32_t last_token_ = 0;
  Entries by_token_;
  std::map<std::uint64_t, std::uint32_t> by_id_;
  std::set<std::pair<MonotonicTime, std::uint32_t>> by_deadline_;
  std::vector<Result> results_;
};

}  // namespace init::manager
