#include "daemon/one_command/identity.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace init::one_command {
namespace {

constexpr const char* kPasswd =
    "root:x:0:0:root:/root:/bin/sh\n"
    "broken:x:1\n"
    "\n"
    "web:x:33:34:Web:/srv/web:/bin/false\n"
    "worse:x:notanumber:1::/:\n"
    "toobig:x:4294967295:1::/:\n"
    "last:x:77:78:no newline behind:/home/last:/bin/sh";
constexpr const char* kGroup =
    "root:x:0:\n"
    "www:x:34:web\n"
    "disk:x:6:root,web\n"
    "tape:x:26:webmaster\n"
    "video:x:44:web,last\n";

class IdentityTest : public testing::Test {
 protected:
  void SetUp() override {
    passwd_ = write("passwd", kPasswd);
    group_ = write("group", kGroup);
  }
  void TearDown() override {
    unlink(passwd_.c_str());
    unlink(group_.c_str());
  }

  // Empty when it was found.
  std::string find(const char* user) {
    const char* const why = find_identity(user, *identity_, {passwd_.c_str(), group_.c_str()});
    return why == nullptr ? "" : why;
  }
  [[nodiscard]] std::vector<gid_t> groups() const {
    return {identity_->groups.begin(),
            identity_->groups.begin() + static_cast<std::ptrdiff_t>(identity_->group_count)};
  }

  std::string passwd_, group_;
  std::unique_ptr<Identity> identity_ = std::make_unique<Identity>();

 private:
  static std::string write(const std::string& name, const char* text) {
    const std::string path = testing::TempDir() + "/one-command-" + std::to_string(getpid()) + "-" + name;
    std::ofstream(path) << text;
    return path;
  }
};

TEST_F(IdentityTest, OfANamedUserHasTheGroupsThatListIt) {
  EXPECT_EQ(find("web"), "");
  EXPECT_EQ(identity_->uid, 33U);
  EXPECT_EQ(identity_->gid, 34U);
  EXPECT_STREQ(identity_->home.data(), "HOME=/srv/web");
  EXPECT_EQ(groups(), (std::vector<gid_t>{34, 6, 44}));
}

TEST_F(IdentityTest, IsFoundByNumberAsWell) {
  EXPECT_EQ(find("33"), "");
  EXPECT_EQ(identity_->gid, 34U);
  EXPECT_EQ(groups(), (std::vector<gid_t>{34, 6, 44}));
}

TEST_F(IdentityTest, WithANamedGroupHasThatGroupAlone) {
  EXPECT_EQ(find("web:disk"), "");
  EXPECT_EQ(groups(), (std::vector<gid_t>{6}));
  EXPECT_EQ(find("web:1234"), "");
  EXPECT_EQ(identity_->gid, 1234U);
}

TEST_F(IdentityTest, OfANumberThatIsNotInTheFileNeedsAGroup) {
  EXPECT_NE(find("1000"), "");
  EXPECT_EQ(find("1000:2000"), "");
  EXPECT_EQ(identity_->uid, 1000U);
  EXPECT_STREQ(identity_->home.data(), "");
  EXPECT_EQ(groups(), (std::vector<gid_t>{2000}));
}

TEST_F(IdentityTest, TakesTheLastLineWithoutANewline) {
  EXPECT_EQ(find("last"), "");
  EXPECT_STREQ(identity_->home.data(), "HOME=/home/last");
}

TEST_F(IdentityTest, IsNeverGuessed) {
  for (const char* user :
       {"nobody", "", ":", ":disk", "web:", "web:nogroup", "we", "webb", "broken", "worse", "toobig", "-1:0",
        "4294967295:0", "4294967296:0", "0x21:0", "33 :0", "web:disk:more"}) {
    EXPECT_NE(find(user), "") << user;
  }
}

TEST_F(IdentityTest, NeedsNoFilesForNumbers) {
  EXPECT_EQ(find_identity("1:2", *identity_, {"/nowhere", "/nowhere"}), nullptr);
  EXPECT_NE(find_identity("root", *identity_, {"/nowhere", "/nowhere"}), nullptr);
}

TEST_F(IdentityTest, RefusesMoreGroupsThanItCanHold) {
  std::ofstream more(group_, std::ios::app);
  for (std::size_t i = 0; i < kMaxGroups; ++i) more << "g" << i << ":x:" << 10000 + i << ":web\n";
  more.close();
  EXPECT_NE(find("web"), "");
  EXPECT_EQ(find("root"), "");
}

TEST_F(IdentityTest, RefusesADirectoryThatIsNoPath) {
  std::ofstream(passwd_) << "long:x:1:1::/" << std::string(PATH_MAX - sizeof "HOME=/", 'x')
                         << ":\nlonger:x:1:1::/" << std::string(PATH_MAX, 'x') << ":\n";
  EXPECT_EQ(find("long"), "");
  EXPECT_NE(find("longer"), "");
}

}  // namespace
}  // namespace init::one_command
