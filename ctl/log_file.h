// The bytes of one file of a log, compressed or not.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "libinit/base/result.h"
#include "libinit/base/unique_fd.h"

namespace init::ctl {

class LogFile {
 public:
  // Errors: of open(2).
  [[nodiscard]] static Result<LogFile> open(const std::string& path, bool compressed);
  LogFile(LogFile&&) noexcept;
  LogFile& operator=(LogFile&&) noexcept;
  ~LogFile();

  // The next bytes, good until the next call; empty at the end, where more may come later. Errors: of
  // read(2); EIO for what is not compressed as it should be.
  [[nodiscard]] Result<std::string_view> read();
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  struct Decompressor;
  explicit LogFile(UniqueFd fd);

  UniqueFd fd_;
  std::string buffer_;
  std::unique_ptr<Decompressor> decompressor_;
};

}  // namespace init::ctl
