// Collects what is wrong with one file, all of it at once.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "libinit/unit/diagnostic.h"

namespace init::unit {

// In quotes, cut to 60 bytes: for messages about what somebody else wrote.
[[nodiscard]] std::string quoted(std::string_view text);

class Report {
 public:
  // Keeps references to path, text and out.
  Report(const std::string& path, std::string_view text, std::vector<Diagnostic>& out)
      : path_(path), text_(text), out_(out) {}

  // At most 100 errors of one file are kept: the rest would help nobody. A place on line 0 is the file as a
  // whole.
  void error(std::string_view code, const Place& place, std::string message, std::string help = {});
  [[nodiscard]] bool failed() const { return errors_ != 0; }
  [[nodiscard]] bool full() const;  // nothing more is kept, so that looking on is in vain

 private:
  const std::string& path_;
  std::string_view text_;
  std::vector<Diagnostic>& out_;
  std::size_t errors_ = 0;
};

}  // namespace init::unit
