#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "libinit/base/checksum.h"
#include "libinit/base/result.h"
#include "libinit/base/text.h"
#include "libinit/base/time.h"

namespace init {
namespace {

TEST(Error, TextSaysWhatOnWhatAndWhy) {
  const Error error{ENOENT, "open", "/x/y", "a.service", "create it first"};
  EXPECT_EQ(error.text(), "a.service: open: /x/y: No such file or directory (create it first)");
}

TEST(Checksum, MatchesThePublishedCheckValue) {
  EXPECT_EQ(crc32c("123456789", 9), 0xe3069283U);  // RFC 3720's polynomial over the customary string
  EXPECT_EQ(crc32c(std::string(32, '\0').data(), 32), 0x8a9136aaU);  // and RFC 3720, B.4
}

TEST(Checksum, GoesOnFromWhatCameBefore) {
  const std::string text = "eight at a time, and then what is left";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    const std::uint32_t begin = crc32c(text.data(), cut);
    EXPECT_EQ(crc32c(text.data() + cut, text.size() - cut, begin), crc32c(text.data(), text.size())) << cut;
  }
}

TEST(TimePoint, AddingSaturatesInsteadOfWrapping) {
  EXPECT_EQ(MonotonicTime{Duration(5)} + kInfinity, MonotonicTime::never());
  EXPECT_EQ(MonotonicTime{Duration(5)} + Duration(7), MonotonicTime{Duration(12)});
}

TEST(DurationText, ShowsTheTwoLargestUnits) {
  using namespace std::chrono_literals;
  EXPECT_EQ(duration_text(41ms), "41 ms");
  EXPECT_EQ(duration_text(2300ms), "2.3 s");
  EXPECT_EQ(duration_text(4s), "4 s");
  EXPECT_EQ(duration_text(90s), "1 min 30 s");
  EXPECT_EQ(duration_text(3h + 41min + 9s), "3 h 41 min");
  EXPECT_EQ(duration_text(24h * 5 + 2h), "5 d 2 h");
  EXPECT_EQ(duration_text(1h + 5s), "1 h");
  EXPECT_EQ(duration_text(-1s), "0 ms");
  EXPECT_EQ(duration_text(kInfinity), "for ever");
}

}  // namespace
}  // namespace init
