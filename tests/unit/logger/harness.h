// Runs the real initd-logger, with the test in the place of the manager and of PID 1's store: whatever must
// outlive a logger is held here.
#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/channel/packet.h"
#include "daemon/logger/operation.h"
#include "libinit/base/unique_fd.h"
#include "libinit/log/line.h"
#include "libinit/process/child.h"
#include "libinit/unit/config.h"

namespace init::test {

struct Line {
  log::Stream stream = log::Stream::Out;
  std::uint8_t severity = 6;
  std::string text;  // parts joined
  std::string invocation;
};

class LoggerHarness {
 public:
  LoggerHarness();
  ~LoggerHarness();

  // Starts a logger and tells it of every pipe there is.
  void start();
  void kill();        // at once
  void tell_again();  // of every pipe, as the next manager does
  // What a logger that was killed had taken out of the newest pipe.
  void leave_unfinished(std::string_view bytes);
  // The same of a datagram, whose line is "<13>" and these bytes; so many of them are in the staging pipe.
  void leave_unfinished(const logger::DatagramId& datagram, std::string_view bytes, std::size_t staged);
  int terminate();  // asks it to end; its exit code

  // A pipe from a unit to its log; the end to write to. The other end stays open here until it is done.
  UniqueFd open(const std::string& unit, log::Stream stream = log::Stream::Out,
                const std::string& invocation = std::string(32, 'a'), const unit::LogConfig& config = {});
  // The same; its lines go there (channel::Forward) as well.
  UniqueFd open_forwarded(const std::string& unit, std::uint8_t forward);
  // The pipe of the unit that was done last once more, as a manager that was started since opens it for the
  // next step.
  UniqueFd open_again(const std::string& unit);
  // The socket that loggers which start from now on read as /dev/log; the end to send to.
  UniqueFd open_syslog();
  [[nodiscard]] int syslog() const { return syslog_.get(); }
  // Waits until the logger has told that every pipe is done.
  void await_all_done();
  // Waits for words of trouble about the unit.
  std::string await_trouble(const std::string& unit);
  // Takes in what it tells, for at most so long; false: nothing came.
  bool hear(int milliseconds);

  // All lines of the unit, from all its files, oldest first; of both directories.
  [[nodiscard]] std::vector<Line> lines(const std::string& unit) const;
  // The texts alone, one a line; without what is just being written.
  [[nodiscard]] std::string text(const std::string& unit) const;
  [[nodiscard]] std::vector<std::filesystem::path> files(const std::string& unit) const;
  void until(const std::string& unit, const std::string& text) const;  // is in its current file

  std::filesystem::path place;   // removed at the end
  std::filesystem::path disk;    // place/disk
  std::filesystem::path memory;  // place/memory
  std::map<std::string, std::string> troubles;
  std::string ready_line;             // of units that are opened from now on
  std::vector<std::string> ready_in;  // invocations whose line was told
  bool syslog_done = false;           // it has told so
  UniqueFd standard_output;           // of loggers that start from now on

 private:
  struct Pipe {
    channel::LogOpenBody body;
    std::string config;
    UniqueFd read;
  };
  void send(const Pipe& pipe) const;
  // torn: bytes behind the last whole line of each file
  [[nodiscard]] std::vector<Line> lines(const std::string& unit, std::size_t& torn) const;

  std::optional<process::Child> logger_;
  UniqueFd channel_, state_, staging_read_, staging_write_;
  UniqueFd syslog_;
  std::vector<Pipe> pipes_;
  std::map<std::string, Pipe> done_;  // by unit, the last one
  std::uint64_t last_tag_ = 0;
  std::uint8_t forward_ = 0;  // of the next pipe
};

void write_all(int fd, std::string_view bytes);
// The bytes of a file; of a compressed one, uncompressed.
std::string contents(const std::filesystem::path& file);

}  // namespace init::test
