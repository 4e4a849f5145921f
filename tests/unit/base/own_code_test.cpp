#include "libinit/base/own_code.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

namespace init {
namespace {

// KiB of this program's file that are mapped in and never written, by proc_pid_smaps(5).
long own_code_kib() {
  std::ifstream smaps("/proc/self/smaps");
  std::string line;
  long sum = 0;
  bool own = false;
  while (std::getline(smaps, line)) {
    const bool heading = line.find("-") < line.find(" ");
    if (heading) own = line.find("test_base") != std::string::npos && line.find(" rw") == std::string::npos;
    if (own && line.starts_with("Rss:")) sum += std::stol(line.substr(4));
  }
  return sum;
}

TEST(OwnCode, IsLetGoAndComesBackWhenItIsUsed) {
  static const std::string constant(1000, 'x');
  std::string written = "as before";
  const long before = own_code_kib();
  release_own_code();
  const long after = own_code_kib();
  EXPECT_LT(after, before);
  EXPECT_EQ(written + constant, "as before" + std::string(1000, 'x'));
}

}  // namespace
}  // namespace init
