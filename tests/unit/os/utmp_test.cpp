#include "daemon/manager/os/utmp.h"

#include <gtest/gtest.h>
#include <unistd.h>
#include <utmpx.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

namespace init::manager {
namespace {

class LoginRecords : public testing::Test {
 protected:
  void SetUp() override {
    place_ = testing::TempDir() + "/utmp-" + std::to_string(getpid());
    std::filesystem::create_directory(place_);
    files_ = {place_ + "/utmp", place_ + "/wtmp"};
    for (const auto& file : {files_.utmp, files_.wtmp}) std::ofstream(file, std::ios::trunc).flush();
  }
  void TearDown() override { std::filesystem::remove_all(place_); }

  void add(short type, pid_t pid, const char* id) {
    utmpx record{};
    record.ut_type = type;
    record.ut_pid = pid;
    std::memcpy(record.ut_id, id, std::strlen(id));
    std::ofstream(files_.utmp, std::ios::app | std::ios::binary)
        .write(reinterpret_cast<const char*>(&record), sizeof record);
  }

  // "type id pid" of each.
  static std::vector<std::string> records(const std::string& file) {
    std::ifstream stream(file, std::ios::binary);
    std::vector<std::string> found;
    for (utmpx record{}; stream.read(reinterpret_cast<char*>(&record), sizeof record);) {
      const std::string id(record.ut_id, strnlen(record.ut_id, sizeof record.ut_id));
      found.push_back(std::to_string(record.ut_type) + " " + id + " " + std::to_string(record.ut_pid));
    }
    return found;
  }

  std::string place_;
  LoginFiles files_;
};

TEST_F(LoginRecords, AreOverwrittenInTheirPlaceAndAllKeptInWtmp) {
  add(BOOT_TIME, 0, "~~");
  add(USER_PROCESS, 10, "a");
  add(LOGIN_PROCESS, 11, "b");
  record_init_process(files_, 20, "a", "/dev/tty1");
  record_init_process(files_, 21, "c", "/dev/tty2");
  EXPECT_EQ(records(files_.utmp), (std::vector<std::string>{"2 ~~ 0", "5 a 20", "6 b 11", "5 c 21"}));
  record_dead_process(files_, 20);
  record_dead_process(files_, 20);
  record_dead_process(files_, 99);
  EXPECT_EQ(records(files_.utmp)[1], "8 a 20");
  EXPECT_EQ(records(files_.wtmp), (std::vector<std::string>{"5 a 20", "5 c 21", "8 a 20"}));
}

TEST_F(LoginRecords, HalfARecordAtTheEndIsNotKept) {
  std::ofstream(files_.utmp) << "torn";
  record_init_process(files_, 20, "ttyS0", "/dev/ttyS0");
  EXPECT_EQ(records(files_.utmp), std::vector<std::string>{"5 tyS0 20"});
}

TEST_F(LoginRecords, WithoutFilesOrInALinkAreNotWritten) {
  std::filesystem::remove(files_.utmp);
  std::filesystem::create_symlink(files_.wtmp, files_.utmp);
  const LoginFiles only_link{files_.utmp, place_ + "/missing"};
  record_init_process(only_link, 20, "a", "/dev/tty1");
  EXPECT_EQ(records(files_.wtmp).size(), 0U);
  EXPECT_FALSE(std::filesystem::exists(place_ + "/missing"));
}

TEST(Greeting, OfAChildThatEndsWithoutOneIsNoPid) {
  auto pair = make_greeting_pair();
  ASSERT_TRUE(pair);
  pair->second.reset();
  EXPECT_EQ(await_greeting(pair->first.get()), 0);
}

}  // namespace
}  // namespace init::manager
