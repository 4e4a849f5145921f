// The logger as the manager sees it: a process that is started before the first unit, started again at once
// whenever it ends, and ended by PID 1 with all that is left; and the pipes from units to it, one for each
// stream of each activation, whose ends to read lie in PID 1's store. It is no unit: nobody can stop it, no
// back-off delays it.
#pragma once
#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "daemon/channel/facts_reader.h"
#include "daemon/manager/app/options.h"
#include "daemon/manager/app/slots.h"
#include "daemon/manager/app/syslog_keeper.h"
#include "daemon/manager/os/channel_client.h"
#include "daemon/manager/os/logger_link.h"
#include "daemon/manager/os/unit_processes.h"
#include "libinit/base/time.h"
#include "libinit/core/engine.h"
#include "libinit/process/poller.h"
#include "libinit/unit/config.h"

namespace init::manager {

// One activation of a unit, as its log names it.
struct LogOwner {
  std::string unit;
  std::uint64_t tag = 0;
  core::Attempt activation = 0;
  std::string invocation;  // 32 hexadecimal digits
  unit::LogConfig config;
  std::string ready_line;                 // of [ready]; empty = none
  std::array<std::uint8_t, 2> forward{};  // of stdout and stderr: channel::Forward
};

class Logging {
 public:
  static constexpr std::uint64_t kSlotTag = 0x52454747'4f4c4449;  // "IDLOGGER": of the logger's own slot

  struct Surroundings {
    ChannelClient& channel;
    const channel::FactsReader& facts;
    Slots& slots;
    process::Poller& loop;
    process::Token token;  // of the channel to the logger
    const Options& options;
    std::string boot;  // 32 hexadecimal digits
    const UnitProcesses& processes;
    // Whether /dev/log is to be read, and where such lines go beside the logs (channel::Forward).
    std::function<std::optional<std::uint8_t>()> syslog;
    // Whose a stored pipe is: by the unit's tag and the lower 24 bits of the activation.
    std::function<LogOwner(std::uint64_t tag, std::uint32_t activation)> owner_of;
  };
  explicit Logging(Surroundings surroundings);

  // Takes up the logger that runs in this slot, or starts one.
  void start(std::optional<std::uint32_t> slot);
  // News of its slot.
  void on_slot(std::uint32_t slot, const channel::Slot& facts);
  struct News {
    std::vector<std::uint64_t>
        flushed;  // tags of units that flush() asked for and whose lines are stored now
    std::vector<std::pair<std::uint64_t, std::uint32_t>> ready;  // by their log-line; as owner_of has them
  };
  [[nodiscard]] News on_readable();
  // Something in /dev was made or is gone, or initd.toml says something else.
  void look_at_syslog() { syslog_.look(monotonic_now()); }
  [[nodiscard]] MonotonicTime next_deadline() const { return std::min(next_, syslog_.next_deadline()); }
  void on_time(MonotonicTime now);

  // False: units write to plain files.
  [[nodiscard]] bool available() const { return available_; }
  // The end to write to, borrowed. Errors: of pipe2(2) and of the store.
  Result<int> pipe(const LogOwner& owner, std::uint32_t stream);
  // Ends the logger that runs; the next one comes from what lies on disk.
  void renew();
  // The unit is down: its pipes end with the last process that holds them, and if it was a syslog daemon
  // nobody reads its socket.
  void release(std::uint64_t tag) {
    open_.erase(tag);
    look_at_syslog();
  }
  // Asks the logger to store what the unit has written so far. False: there is no logger to answer.
  [[nodiscard]] bool flush(std::uint64_t tag);
  [[nodiscard]] std::string trouble(const std::string& unit) const { return link_.trouble(unit); }

 private:
  struct Open {
    core::Attempt activation = 0;
    std::array<UniqueFd, 2> write;
  };
  [[nodiscard]] Result<> launch();
  [[nodiscard]] Result<std::vector<std::byte>> plan() const;
  [[nodiscard]] Result<UniqueFd> kept(std::uint32_t kind, std::uint64_t tag,
                                      const std::function<UniqueFd()>& make);
  [[nodiscard]] Result<> keep_staging();
  [[nodiscard]] Result<> connect();
  void give_up(const std::string& why);
  void watch(UniqueFd socket);
  void tell_stored();
  void tell(channel::StoreBody entry, UniqueFd read);
  void tell_syslog(std::uint64_t identity, UniqueFd socket);
  void on_done(const channel::StoreBody& entry);
  [[nodiscard]] bool is_open(const channel::StoreBody& entry) const;
  [[nodiscard]] bool is_stored(const channel::StoreBody& entry) const;
  void log_own_words();

  Surroundings around_;
  LoggerLink link_;
  SyslogKeeper syslog_;
  UniqueFd theirs_;                     // the logger's end, until it is sent
  std::array<UniqueFd, 3> work_;        // state, staging to read, to write
  std::map<std::uint64_t, Open> open_;  // by tag
  std::uint32_t slot_ = kNoSlot;
  core::Attempt attempt_ = 0;
  MonotonicTime started_{};
  MonotonicTime next_ = MonotonicTime::never();
  int quick_ends_ = 0;
  bool available_ = false;
  bool said_ = false;
};

}  // namespace init::manager
