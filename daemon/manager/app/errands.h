// What the manager has done by processes because it may not wait itself: probes that may block, and the hook
// of initd.toml. Each runs in a slot and a control group of its own, so that it is nothing of a unit's, and
// is ended whole: at its deadline, when nobody wants it any more, and with it whatever it leaves behind.
#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemon/channel/facts.h"
#include "daemon/manager/app/slots.h"
#include "daemon/manager/os/channel_client.h"
#include "daemon/manager/os/unit_processes.h"
#include "libinit/base/time.h"
#include "libinit/core/event.h"

namespace init::manager {

// channel::SpawnBody::role of an errand: none of the engine's.
inline constexpr std::uint32_t kErrandRole = 64;

class Errands {
 public:
  using Id = std::uint64_t;  // never 0, never used twice
  struct Done {
    Id id = 0;
    enum class How : std::uint8_t { Ended, NeverRan, TooLong } how = How::Ended;
    core::Exit exit;         // of Ended
    std::int32_t error = 0;  // errno, of NeverRan
  };

  // All three must outlive this.
  Errands(ChannelClient& channel, Slots& slots, UnitProcesses& processes)
      : channel_(channel), slots_(slots), processes_(processes) {}

  // Errors: EAGAIN without a free slot, EBUSY while an earlier errand will not die, those of the cgroup and
  // of the channel.
  // passed: for the child, borrowed.
  Result<Id> begin(std::span<const std::byte> plan, std::span<const int> passed, MonotonicTime deadline);
  // Nobody waits for it: it is ended, and not told of.
  void cancel(Id id);

  // A slot whose use is an errand has changed.
  void on_slot(std::uint32_t slot, const channel::Slot& facts);
  // At recovery, such a slot: nobody knows any more what it was for, and it is ended.
  void adopt(std::uint32_t slot, const channel::Slot& facts);

  // never() when none runs.
  [[nodiscard]] MonotonicTime next_deadline() const;
  // Those that are over by now, each once. One that takes too long is told of at its deadline, and killed.
  [[nodiscard]] std::vector<Done> take_done(MonotonicTime now);

 private:
  struct Errand {
    Id id = 0;
    std::uint32_t attempt = 0;
    MonotonicTime deadline = MonotonicTime::never();
    pid_t leader = 0;
    bool wanted = true;
  };
  using Running = std::map<std::uint32_t, Errand>;  // by slot

  void kill(std::uint32_t slot, const Errand& errand);
  void let_go(Running::iterator at);

  ChannelClient& channel_;
  Slots& slots_;
  UnitProcesses& processes_;
  Id last_id_ = 0;
  Running running_;
  std::set<std::pair<MonotonicTime, std::uint32_t>> by_deadline_;
  std::vector<Done> done_;
};

}  // namespace init::manager
