// initd-logger: lines out of services' pipes into their logs. Crash-only as the manager: what it holds in
// memory is told again by the manager, what it has in hand stands in the operation record.
#pragma once
#include <array>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "daemon/channel/packet.h"
#include "daemon/logger/compressor.h"
#include "daemon/logger/forwarder.h"
#include "daemon/logger/pump.h"
#include "daemon/logger/syslog_socket.h"
#include "daemon/logger/unit_log.h"
#include "libinit/process/poller.h"

namespace init::logger {

struct Settings {
  std::string program;  // its own path
  std::string disk, memory, boot;
};

class Logger {
 public:
  // The four descriptors of channel/messages.h must be open.
  [[nodiscard]] static Result<std::unique_ptr<Logger>> create(Settings settings);
  // Until it is told to end, or initd is gone. The exit code.
  int run();

 private:
  struct Pipe {
    channel::StoreBody entry;
    std::uint32_t stream = 0;
    std::uint8_t forward = 0;
    decltype(channel::LogOpenBody::invocation) invocation{};
    UniqueFd fd;
    UnitLog* log = nullptr;  // which knows the unit's name
    MonotonicTime due = MonotonicTime::never();
    bool closed = false;  // on the other side
  };
  // In the order in which they are handled within one turn.
  enum class Source : std::uint32_t { Manager, Child, Signals, Pipe, Syslog, Forward };

  Logger(Settings settings, Pump pump);
  [[nodiscard]] Result<> open();
  void turn();
  [[nodiscard]] MonotonicTime deadline() const;
  [[nodiscard]] bool over() const;

  // The manager's words.
  void on_manager();
  void on_open();
  void on_sync();
  void on_flush();
  void on_syslog();
  void finish_unfinished();
  void take_home();
  void tell(channel::MessageType type, std::span<const std::byte> body, std::string payload = {});
  void tell_troubles();
  void send_waiting();

  // Pipes.
  [[nodiscard]] UnitLog& log_of(const std::string& unit);
  [[nodiscard]] static channel::LogOpenBody name_of(const Pipe& pipe);
  void watch(std::uint32_t index);
  void serve(std::uint32_t index, bool due);
  // Looks once; false: for now there is nothing more to do.
  [[nodiscard]] bool serve_once(Pipe& pipe, bool due);
  void set_due(std::uint32_t index, MonotonicTime time);
  void end(std::uint32_t index);
  void on_due(MonotonicTime now);
  // The work in hand is done.
  void stored(const UnitLog& log, const channel::LogOpenBody& from);
  void heal(MonotonicTime now);
  void start_compressor();

  // Datagrams.
  void watch_syslog(std::uint32_t index);
  void serve_syslog(const process::Ready& ready);
  void store_datagram(const SyslogSocket& socket, const Datagram& datagram);
  [[nodiscard]] bool waits(const DatagramId& datagram) const;
  void end_syslog(std::uint32_t index);

  // Beside the logs.
  void forward(const channel::LogOpenBody& from);
  void flush_forwarders(MonotonicTime now);
  [[nodiscard]] std::string trouble_of(const UnitLog& log) const;

  Surroundings around_;
  Pump pump_;
  Compressor compressor_;
  struct Forwarding {
    Forwarder to;
    int watched = -1;
    std::string trouble = {};
  };
  std::array<Forwarding, kDestinations> forwarding_;
  process::Poller poller_;
  UniqueFd channel_, signals_;
  std::unique_ptr<channel::Packet> packet_ = std::make_unique<channel::Packet>();
  std::map<std::string, std::unique_ptr<UnitLog>, std::less<>> logs_;
  std::vector<std::unique_ptr<Pipe>> pipes_;
  std::vector<std::uint32_t> free_;
  std::set<std::pair<MonotonicTime, std::uint32_t>> due_;
  std::vector<std::unique_ptr<SyslogSocket>> sockets_;  // /dev/log, and what is left of one that was
  struct Waiting {
    channel::MessageType type;
    std::vector<std::byte> body;
    std::string payload;
  };
  std::deque<Waiting> waiting_;  // for room in the channel
  MonotonicTime tell_at_ = MonotonicTime::never();
  MonotonicTime heal_at_ = MonotonicTime::never();
  MonotonicTime end_at_ = MonotonicTime::never();
  bool synced_ = false;
  bool orphaned_ = false;
};

}  // namespace init::logger
