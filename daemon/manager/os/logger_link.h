// The manager's end of the pair of sockets to the logger. Never blocks: what finds no room waits here, with
// its pipe.
#pragma once
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "daemon/channel/messages.h"
#include "daemon/channel/packet.h"
#include "libinit/base/result.h"
#include "libinit/base/unique_fd.h"
#include "libinit/unit/config.h"

namespace init::manager {

struct LogPipe {
  channel::LogOpenBody name;
  unit::LogConfig config;
  std::string ready_line;
  UniqueFd read;  // the end that is for the logger
};

struct LogSocket {
  channel::LogSyslogBody body;
  UniqueFd socket;
  UniqueFd units;      // the directory of their control groups; none without those
  std::string prefix;  // of a unit's name in /proc/PID/cgroup
};

class LoggerLink {
 public:
  LoggerLink() = default;
  explicit LoggerLink(UniqueFd socket) : socket_(std::move(socket)) {}

  [[nodiscard]] int fd() const { return socket_.get(); }
  [[nodiscard]] bool closed() const { return closed_; }  // nobody is at the other end
  void open(LogPipe pipe);
  void read_syslog(LogSocket socket);
  void sync();                         // every pipe of before has been told
  void flush_unit(std::uint64_t tag);  // store what its pipes hold
  // Sends what has room. True: nothing waits any more.
  bool flush();
  struct Told {
    std::vector<channel::StoreBody> done;   // pipes
    std::vector<std::uint64_t> flushed;     // tags of units
    std::vector<channel::StoreBody> ready;  // pipes of activations whose log-line was found
  };
  // Takes what the logger tells. Troubles are kept.
  [[nodiscard]] Told drain();
  // What is wrong with a unit's log; empty when nothing.
  [[nodiscard]] std::string trouble(const std::string& unit) const;

 private:
  struct Waiting {
    channel::MessageType type;
    LogPipe pipe;
    channel::LogFlushBody unit;
    LogSocket socket;
  };
  void take_trouble();
  [[nodiscard]] int send(const Waiting& waiting) const;

  UniqueFd socket_;
  bool closed_ = false;
  std::deque<Waiting> waiting_;
  std::unique_ptr<channel::Packet> packet_;
  std::map<std::string, std::string> troubles_;
};

}  // namespace init::manager
