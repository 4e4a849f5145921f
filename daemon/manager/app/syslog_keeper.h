// Keeps a socket of the logger at /dev/log while no syslog daemon has its own there: looks whenever something
// is made or removed in /dev, and when a unit has ended. The sockets lie in PID 1's store, each under the
// identity of its file, so neither a manager nor a logger that dies costs a datagram.
#pragma once
#include <cstdint>
#include <functional>

#include "daemon/channel/facts_reader.h"
#include "daemon/manager/os/channel_client.h"
#include "libinit/base/time.h"
#include "libinit/base/unique_fd.h"
#include "libinit/process/poller.h"

namespace init::manager {

class SyslogKeeper {
 public:
  struct Surroundings {
    ChannelClient& channel;
    const channel::FactsReader& facts;
    std::function<bool()> wanted;
    // To the logger, which reads it until it is shut down and empty.
    std::function<void(std::uint64_t identity, UniqueFd socket)> tell;
  };
  explicit SyslogKeeper(Surroundings surroundings) : around_(std::move(surroundings)) {}

  // Takes up what the manager before this one has left; the logger knows of it. look() is to be called when
  // there is something to be read for the token.
  void start(process::Poller& loop, process::Token token);
  void look(MonotonicTime now);
  [[nodiscard]] MonotonicTime next_deadline() const { return due_; }
  void on_time(MonotonicTime now) {
    if (due_ <= now) look(now);
  }

 private:
  void drain() const;
  void take();
  [[nodiscard]] Result<> try_to_take();
  void retire(std::uint64_t identity);

  Surroundings around_;
  UniqueFd changes_;
  std::uint64_t own_ = 0;  // 0 = there is none
  MonotonicTime due_ = MonotonicTime::never();
  bool said_ = false;
};

}  // namespace init::manager
