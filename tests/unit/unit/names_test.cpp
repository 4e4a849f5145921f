#include "libinit/unit/names.h"

#include <gtest/gtest.h>

namespace init::unit {
namespace {

TEST(UnitName, OnlyTheAllowedBytesPassAtEveryPosition) {
  const std::string allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.@:-";
  for (std::size_t position = 0; position < 5; ++position) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string name = "abcde.service";
      name[position] = static_cast<char>(byte);
      const bool first = position == 0 && (byte == '.' || byte == '-');
      const bool good = allowed.find(static_cast<char>(byte)) != std::string::npos && byte != 0 && !first;
      EXPECT_EQ(valid_unit_name(name), good) << "byte " << byte << " at " << position;
    }
  }
}

TEST(UnitName, HasAStemAKnownKindAndAtMost128Bytes) {
  EXPECT_TRUE(valid_unit_name(std::string(120, 'x') + ".service"));
  EXPECT_FALSE(valid_unit_name(std::string(121, 'x') + ".service"));
  for (const char* good : {"a.service", "a.b.target", "getty@tty1.service", "x.timer", "dev:1.mount"}) {
    EXPECT_TRUE(valid_unit_name(good)) << good;
  }
  for (const char* bad :
       {"", "a", "service", ".service", "a.servic", "a.service.", "a.SERVICE", "../a.service", "a/b.service",
        "a.service.service", "a.service.timer", "\xc0\xae.service"}) {
    EXPECT_FALSE(valid_unit_name(bad)) << bad;
  }
}

TEST(UnitName, ABareNameMeansTheService) {
  EXPECT_EQ(canonical_name("nginx"), "nginx.service");
  EXPECT_EQ(canonical_name("nginx.service"), "nginx.service");
  EXPECT_EQ(canonical_name("multi-user.target"), "multi-user.target");
  EXPECT_EQ(canonical_name("getty@tty1"), "getty@tty1.service");
  EXPECT_EQ(canonical_name("a.b"), "a.b.service");
}

TEST(UnitName, KindsThatCannotBeLoadedYetAreNothing) {
  EXPECT_EQ(kind_of("a.service"), Kind::Service);
  EXPECT_EQ(kind_of("a.target"), Kind::Target);
  EXPECT_EQ(kind_of("a.timer"), std::nullopt);
  EXPECT_TRUE(is_template("getty@.service"));
  EXPECT_FALSE(is_template("getty@tty1.service"));
}

}  // namespace
}  // namespace init::unit
