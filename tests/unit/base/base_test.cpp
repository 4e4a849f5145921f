#include <gtest/gtest.h>

#include <cerrno>

#include "libinit/base/checksum.h"
#include "libinit/base/result.h"
#include "libinit/base/time.h"

namespace init {
namespace {

TEST(Error, TextSaysWhatOnWhatAndWhy) {
  const Error error{ENOENT, "open", "/x/y", "a.service", "create it first"};
  EXPECT_EQ(error.text(), "a.service: open: /x/y: No such file or directory (create it first)");
}

TEST(Checksum, MatchesThePublishedCheckValue) {
  EXPECT_EQ(crc32c("123456789", 9), 0xe3069283U);  // RFC 3720's polynomial over the customary string
}

TEST(TimePoint, AddingSaturatesInsteadOfWrapping) {
  EXPECT_EQ(MonotonicTime{Duration(5)} + kInfinity, MonotonicTime::never());
  EXPECT_EQ(MonotonicTime{Duration(5)} + Duration(7), MonotonicTime{Duration(12)});
}

}  // namespace
}  // namespace init
