#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "libinit/base/accounts.h"
#include "libinit/base/environment_file.h"

namespace init {
namespace {

std::string file_with(const std::string& text) {
  std::string path = testing::TempDir() + "file-XXXXXX";
  const int fd = mkstemp(path.data());
  EXPECT_GE(fd, 0);
  close(fd);
  std::ofstream(path) << text;
  return path;
}

TEST(EnvironmentText, IsReadAsServicesWriteIt) {
  const Variables expected = {{"A", "1"},     {"B", "two words"}, {"C", "a b"},
                              {"D", "it's"},  {"E", "x\ny"},      {"F", "joined up"},
                              {"G", ""},      {"H", "a#b # c"},   {"I", "$A \\n \"q\""},
                              {"J", "a b c"}, {"A", "again"},     {"Z", "end"}};
  EXPECT_EQ(parse_environment("A=1\n"
                              "# comment\n"
                              "  ; another = x\n"
                              "B = two words  \n"
                              "C=\"a b\"  \n"
                              "D=\"it's\"\n"
                              "E='x\ny'\n"
                              "F=joined \\\nup\n"
                              "G=\n"
                              "export X=1\n1BAD=x\nno assignment\n=x\n"
                              "H=a#b # c\r\n"
                              "I=\"\\$A \\n \\\"q\\\"\"\n"
                              "J=a' b '\"c\"\n"
                              "A=again\n"
                              "Z=end"),
            expected);
}

TEST(EnvironmentText, WhatIsNotFinishedEndsWithTheFile) {
  EXPECT_EQ(parse_environment("A=\"x"), (Variables{{"A", "x"}}));
  EXPECT_EQ(parse_environment("A='x\n"), (Variables{{"A", "x\n"}}));
  EXPECT_EQ(parse_environment("A=x\\"), (Variables{{"A", "x"}}));
  EXPECT_EQ(parse_environment("A=\"x\\"), (Variables{{"A", "x\\"}}));
  EXPECT_TRUE(parse_environment("").empty());
  EXPECT_TRUE(parse_environment("#").empty());
  EXPECT_TRUE(parse_environment("A").empty());
}

TEST(EnvironmentFile, MissingLargeAndOddFilesAreErrors) {
  EXPECT_EQ(read_environment_file("/nonexistent").error().code, ENOENT);
  EXPECT_EQ(read_environment_file("/dev/zero").error().code, EINVAL);
  EXPECT_EQ(read_environment_file("/").error().code, EINVAL);
  EXPECT_EQ(read_environment_file(file_with(std::string(256 * 1024 + 1, '\n'))).error().code, EFBIG);
  EXPECT_EQ(read_environment_file(file_with(std::string("A=x\0y\n", 6))).error().code, EINVAL);
  EXPECT_EQ(read_environment_file(file_with("A=1\n"))->size(), 1U);
  EXPECT_TRUE(read_environment_file(file_with(""))->empty());
}

class Accounts : public testing::Test {
 protected:
  const AccountFiles files_ = {file_with("root:x:0:0:root:/root:/bin/bash\n"
                                         "broken:x:1\n"
                                         "zero:x::0::/:/\n"
                                         "hex:x:0x0:0x0::/:/\n"
                                         "minus:x:4294967295:1::/:/\n"
                                         "www-data:x:33:33:www:/var/www:/usr/sbin/nologin\n"
                                         "www-data:x:0:0:second:/:/\n"
                                         "last:x:1000:1000::/home/last:"),
                               file_with("root:x:0:\nwww-data:x:33:\nssl-cert:x:110:www-data,last\nshadow:x:"
                                         "42:wwww-data,last\nbad:x:0x0:www-data\n")};
};

TEST_F(Accounts, AreFoundByNameAndByNumber) {
  const auto user = find_user("www-data", files_);
  ASSERT_TRUE(user);
  EXPECT_EQ(user->uid, 33U);
  EXPECT_EQ(user->gid, 33U);
  EXPECT_EQ(user->home, "/var/www");
  EXPECT_EQ(user->groups, (std::vector<gid_t>{110}));
  EXPECT_EQ(find_user("33", files_)->name, "www-data");
  EXPECT_EQ(find_user("last", files_)->groups, (std::vector<gid_t>{110, 42}));
  EXPECT_EQ(find_group("ssl-cert", files_), 110U);
  EXPECT_EQ(find_group("7", files_), 7U);
}

TEST_F(Accounts, AreNeverGuessed) {
  for (const char* bad : {"broken", "zero", "hex", "minus", "nobody-here", "", "0day", "0x0", "4294967295",
                          "77", "www-data "}) {
    EXPECT_FALSE(find_user(bad, files_)) << bad;
  }
  for (const char* bad : {"bad", "none", "", "0x0", "4294967295"})
    EXPECT_FALSE(find_group(bad, files_)) << bad;
  EXPECT_FALSE(find_user("root", {"/nonexistent", "/nonexistent"}));
}

}  // namespace
}  // namespace init
