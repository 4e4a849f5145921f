#include "daemon/manager/os/credentials.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

namespace init::manager {
namespace {

namespace fs = std::filesystem;

class CredentialsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    std::string place = testing::TempDir() + "credentials-XXXXXX";
    top_ = mkdtemp(place.data());
    write("secret", "s3cret");
  }
  void TearDown() override { fs::remove_all(top_); }

  void write(const std::string& name, const std::string& text) const { std::ofstream(path(name)) << text; }
  [[nodiscard]] std::string path(const std::string& name) const { return top_ + "/" + name; }
  [[nodiscard]] Result<> make(const std::vector<unit::Credential>& credentials) const {
    return make_credentials(path("place"), "a.service", credentials, 1234, 2345);
  }
  [[nodiscard]] struct stat stat_of(const std::string& name) const {
    struct stat status {};
    EXPECT_EQ(stat(path(name).c_str(), &status), 0) << name;
    return status;
  }

  std::string top_;
};

TEST_F(CredentialsTest, AreItsUsersAloneAndReadOnly) {
  ASSERT_TRUE(make({{"key", path("secret")}, {"other", path("secret")}}));
  for (const char* name : {"place/a.service", "place/a.service/key", "place/a.service/other"}) {
    EXPECT_EQ(stat_of(name).st_uid, 1234U) << name;
    EXPECT_EQ(stat_of(name).st_gid, 2345U) << name;
  }
  EXPECT_EQ(stat_of("place/a.service").st_mode & 07777U, 0500U);
  EXPECT_EQ(stat_of("place/a.service/key").st_mode & 07777U, 0400U);
  std::string text;
  std::ifstream(path("place/a.service/key")) >> text;
  EXPECT_EQ(text, "s3cret");
}

TEST_F(CredentialsTest, ANewStartReplacesThemAndAStopTakesThemAway) {
  ASSERT_TRUE(make({{"key", path("secret")}}));
  write("secret", "changed");
  ASSERT_TRUE(make({{"new", path("secret")}}));
  EXPECT_FALSE(fs::exists(path("place/a.service/key")));
  EXPECT_EQ(units_with_credentials(path("place")), std::vector<std::string>{"a.service"});
  EXPECT_TRUE(remove_credentials(path("place"), "a.service"));
  EXPECT_TRUE(remove_credentials(path("place"), "a.service"));
  EXPECT_TRUE(units_with_credentials(path("place")).empty());
}

TEST_F(CredentialsTest, WhatCannotBeReadOrIsTooLargeIsAnError) {
  EXPECT_EQ(make({{"key", path("missing")}}).error().code, ENOENT);
  EXPECT_EQ(make({{"key", "/dev/zero"}}).error().code, EINVAL);
  write("large", std::string(kLargestCredential + 1, 'x'));
  const auto large = make({{"key", path("large")}});
  EXPECT_EQ(large.error().code, EFBIG);
  EXPECT_EQ(large.error().object, path("large"));
}

}  // namespace
}  // namespace init::manager
