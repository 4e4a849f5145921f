// The caller's ends of the pipes to a program. Nothing is buffered here, so there is nothing to flush. A
// stream that is closed, was taken away or never was a pipe answers EBADF; every error names the stream.
#pragma once
#include <span>
#include <string>
#include <string_view>

#include "libinit/base/result.h"
#include "libinit/base/time.h"
#include "libinit/base/unique_fd.h"

namespace init::process {

class StreamWriter {
 public:
  StreamWriter() = default;
  StreamWriter(UniqueFd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}

  // All of it; waits while the pipe is full. Errors: EPIPE when nobody reads any more. No SIGPIPE is raised,
  // whatever its disposition: it is blocked in this thread for the time of the call.
  [[nodiscard]] Result<> write(std::string_view bytes);
  void close() { fd_.reset(); }  // the program reads the end

  [[nodiscard]] bool is_open() const { return fd_.valid(); }
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
  std::string name_;
};

class StreamReader {
 public:
  StreamReader() = default;
  StreamReader(UniqueFd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}

  // What is there, at least one byte; waits for it. 0 = the end: every writer has closed. Errors: ETIMEDOUT.
  [[nodiscard]] Result<std::size_t> read(std::span<char> into, Duration timeout = kInfinity);
  // Fills `into` to its last byte. Errors: ENODATA when the end comes first.
  [[nodiscard]] Result<> read_exact(std::span<char> into);
  // Up to the end.
  [[nodiscard]] Result<std::string> read_all();
  void close() { fd_.reset(); }  // a program that still writes gets SIGPIPE

  [[nodiscard]] bool is_open() const { return fd_.valid(); }
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
  std::string name_;
};

}  // namespace init::process
