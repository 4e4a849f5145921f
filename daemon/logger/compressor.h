// Files of the past become smaller: one child at a time, at idle priority, which is this program again.
#pragma once
#include <deque>
#include <optional>
#include <string>

#include "libinit/base/result.h"
#include "libinit/process/child.h"

namespace init::logger {

class Compressor {
 public:
  // program: the path of this program.
  explicit Compressor(std::string program) : program_(std::move(program)) {}

  // Starts on the next of the paths, if none is in hand. The pidfd to watch, or -1.
  [[nodiscard]] int start(std::deque<std::string>& paths);
  // The child has ended.
  void reap();

 private:
  std::string program_;
  std::optional<process::Child> child_;
};

// What the child does: FILE becomes FILE.zst, whole or not at all. Errors: of open(2), read(2), write(2).
[[nodiscard]] Result<> compress_file(const std::string& path);

}  // namespace init::logger
