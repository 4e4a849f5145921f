#include "libinit/base/names.h"

#include <gtest/gtest.h>

namespace init {
namespace {

TEST(Identities, AreNeverAnythingElseThanWhatWasWritten) {
  for (const char* good : {"root", "www-data", "_apt", "user01", "machine$", "0", "1000", "4294967294"}) {
    EXPECT_TRUE(valid_identity(good)) << good;
  }
  for (const char* bad : {"",
                          "0day",
                          "0x0",
                          "4294967295",
                          "4294967296",
                          "18446744073709551616",
                          "-1",
                          "+1",
                          "00",
                          "01",
                          "1 ",
                          " 1",
                          "Root",
                          "a b",
                          "a/b",
                          "a:b",
                          "$",
                          "a$b",
                          "r\xc3\xb6ot",
                          "1000.0",
                          "abcdefghijklmnopqrstuvwxyz0123456"}) {
    EXPECT_FALSE(valid_identity(bad)) << bad;
  }
}

}  // namespace
}  // namespace init
