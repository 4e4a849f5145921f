// The log of one unit: which lines are kept, and where. On disk, as [log] says; while the disk cannot be
// written, in a short ring of the runtime directory, from where they go home later. What nothing can take is
// counted. Never an error for the caller: a service goes on whatever happens here.
#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/logger/pump.h"
#include "daemon/logger/storage.h"
#include "daemon/logger/syslog_socket.h"
#include "libinit/base/time.h"
#include "libinit/log/framing.h"
#include "libinit/pattern/pattern.h"
#include "libinit/unit/config.h"

namespace init::logger {

// What all units' logs share.
struct Surroundings {
  std::string disk, memory;             // directories, with one below for each unit
  std::string boot;                     // 32 hexadecimal digits
  gid_t group = 0;                      // of files
  std::deque<std::string> to_compress;  // paths
  std::string lines;                    // of the work in hand, as they are stored; there is one at a time
  std::function<void(const channel::LogOpenBody&)> tell_ready;  // the log-line stands in this pipe
};

// Bytes of one pipe, or the line of a datagram. Neither: they are in the staging pipe already.
struct Work {
  int pipe = -1;
  const channel::LogOpenBody& from;
  std::string_view bytes;
  bool ended = false;  // nothing follows
  const SyslogSocket* socket = nullptr;
  DatagramId datagram{};
};

class UnitLog final : private log::LineFilter {
 public:
  UnitLog(std::string unit, Surroundings& surroundings);

  // ready_line: the line that says that the unit is ready, a regular expression; empty = none does.
  void configure(const unit::LogConfig& config, const std::string& ready_line);
  // Of the newest of the unit's pipes, and of its datagrams.
  void begin(std::string_view invocation) { invocation_ = invocation; }
  [[nodiscard]] const std::string& invocation() const { return invocation_; }
  // A datagram was longer than kLongestDatagram.
  void note_cut() { ++cut_; }
  // Has it stood in one of this activation's pipes?
  [[nodiscard]] bool was_ready(const channel::LogOpenBody& from) const {
    return ready_ && ready_->invocation == from.invocation.data();
  }
  // How many of these bytes, which are whole lines, may be stored now; with overflow = block fewer than all,
  // and none before blocked_until().
  [[nodiscard]] std::size_t allowed(std::string_view bytes, MonotonicTime now);
  [[nodiscard]] MonotonicTime blocked_until() const { return window_end_; }

  void store(Pump& pump, const Work& work);
  // Takes back what a logger before this one has written of the operation.
  void take_back(const Operation& operation);

  // Brings what a logger before this one has kept in memory to the disk, now or by heal(). Removes nothing
  // there if the unit was not configured: nobody knows its bounds.
  void take_home();

  // The disk does not take lines; heal() tries again.
  [[nodiscard]] bool failing() const { return failed_ != nullptr; }
  void heal();
  // What an admin should know, empty when all is well.
  [[nodiscard]] std::string trouble() const;
  [[nodiscard]] const std::string& unit() const { return unit_; }
  // The name under which its lines are sent on.
  [[nodiscard]] const std::string& identifier() const {
    return config_.identifier.empty() ? unit_ : config_.identifier;
  }

  int pipes = 0;             // that write here
  std::uint8_t forward = 0;  // where they go as well: channel::Forward
  std::string told;          // of trouble(), to the manager

 private:
  struct Kept {
    Storage storage;
    std::string invocation = {};  // of the last mark
    std::size_t since_mark = 0;   // bytes
  };

  [[nodiscard]] static unit::LogConfig unbounded();
  bool keeps(std::string_view text) override;
  [[nodiscard]] Kept* at(Place place);
  [[nodiscard]] Place ready(std::size_t bytes, std::int64_t now_us);
  [[nodiscard]] Result<> ready_disk(std::size_t bytes, std::int64_t now_us);
  [[nodiscard]] Result<> ready_memory(std::size_t bytes);
  [[nodiscard]] Result<> open_disk();
  [[nodiscard]] Result<> rotate_disk();
  [[nodiscard]] Result<> bring_home();
  void fail(const Error& error) { failed_ = std::make_unique<Error>(error); }
  void renew_window(MonotonicTime now);
  void add_mark(Kept& kept, const Work& work, std::int64_t now_us);
  void write(Pump& pump, Place place, const Work& work, std::int64_t now_us);

  std::string unit_;
  Surroundings& around_;
  unit::LogConfig config_ = unbounded();
  std::vector<Pattern> keep_, drop_;
  struct Readiness {
    std::string line;
    Pattern pattern;
    std::string invocation = {};  // the newest that had the line
    bool looks = false;           // for it, in the work in hand
  };
  std::unique_ptr<Readiness> ready_;  // few have one
  Kept disk_, memory_;
  std::unique_ptr<Error> failed_;  // few have one
  MonotonicTime window_end_{};
  std::uint32_t in_window_ = 0;
  std::uint64_t dropped_ = 0, dropped_told_ = 0;
  std::uint64_t lost_ = 0, cut_ = 0;
  bool waits_ = false;  // whoever writes what is in hand, for room in the rate limit
  std::string invocation_ = std::string(log::kIdBytes, '0');
  bool overran_ = false;  // the ring
};

}  // namespace init::logger
