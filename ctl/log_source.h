// All lines of one unit, oldest first: from the files of both its directories, on disk and in memory.
#pragma once
#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "ctl/log_file.h"
#include "libinit/log/reader.h"

namespace init::ctl {

// A line as it was written, its parts joined.
struct LogRecord {
  std::string unit;
  std::int64_t time_us = 0;
  log::Stream stream = log::Stream::Out;
  std::uint8_t severity = 0;
  bool unfinished = false;
  std::string text;
  std::string invocation, boot;
};

class LogSource {
 public:
  // directories: of the unit; either may be missing.
  LogSource(std::string unit, std::vector<std::string> directories);

  // The files there are; false when there is none. Those that end before `since` are left out.
  [[nodiscard]] bool list(std::int64_t since_us);
  // Nothing: that is all for now. Lines that come later, also in new files, are given by a later call.
  [[nodiscard]] std::optional<LogRecord> next();
  [[nodiscard]] const std::string& unit() const { return unit_; }
  // A file is in hand or waits.
  [[nodiscard]] bool started() const { return open_.has_value() || !files_.empty(); }
  // Files that could not be read, once each.
  [[nodiscard]] const std::vector<Error>& errors() const { return errors_; }

 private:
  struct File {
    std::string path;
    std::int64_t first_us = 0;
    bool compressed = false;
    bool current = false;
  };
  void list_directory(const std::string& directory);
  void list_later(std::int64_t than_us);
  [[nodiscard]] bool open_next();
  [[nodiscard]] bool replaced() const;
  [[nodiscard]] std::optional<LogRecord> record(const log::Entry& entry);

  std::string unit_;
  std::vector<std::string> directories_;
  std::deque<File> files_;
  std::optional<LogFile> open_;
  File opened_;
  log::Reader reader_;
  std::array<std::optional<LogRecord>, log::kStreams> begun_;  // by stream
  std::vector<Error> errors_;
};

}  // namespace init::ctl
