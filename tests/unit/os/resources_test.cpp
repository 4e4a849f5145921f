// Against a tree of plain files; tests/vm does the same with a kernel that has the controllers.
#include "daemon/manager/os/resources.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "libinit/base/unique_fd.h"

namespace init::manager {
namespace {

namespace fs = std::filesystem;

class ResourcesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string place = testing::TempDir() + "cgroup-XXXXXX";
    top_ = mkdtemp(place.data());
    fs::create_directories(top_ / "system/a.service");
    put("cgroup.subtree_control", "");
    put("system/cgroup.subtree_control", "");
    units_.reset(open((top_ / "system").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  }
  void TearDown() override { fs::remove_all(top_); }

  void put(const std::string& file, const std::string& text) const { std::ofstream(top_ / file) << text; }
  void put_in_unit(const std::string& file, const std::string& text = "") const {
    put("system/a.service/" + file, text);
  }
  [[nodiscard]] std::string get(const std::string& file) const {
    std::ostringstream text;
    text << std::ifstream(top_ / file).rdbuf();
    return text.str();
  }

  fs::path top_;
  UniqueFd units_;
};

unit::Resources all_of_them() {
  unit::Resources r;
  r.memory_max = unit::Memory{512U << 20U, false};
  r.memory_high = unit::Memory{50, true};
  r.memory_low = unit::Memory{10, false};
  r.memory_min = unit::Memory{unit::kUnlimited, false};
  r.swap_max = unit::Memory{0, false};
  r.cpu_weight = 200;
  r.cpu_quota = 150;
  r.tasks_max = 64;
  r.io_weight = 50;
  r.cpus = {0, 1, 2, 5};
  r.oom_policy = unit::OomPolicy::Kill;
  return r;
}

TEST_F(ResourcesTest, EachKeyBecomesTheFileOfTheKernel) {
  std::string text;
  for (const auto& setting : cgroup_settings(all_of_them(), 1000)) {
    put_in_unit(setting.file);
    text += setting.file + "=" + setting.value + "\n";
  }
  EXPECT_EQ(text,
            "memory.min=max\nmemory.low=10\nmemory.high=500\nmemory.max=536870912\nmemory.swap.max=0\n"
            "memory.oom.group=1\ncpu.weight=200\ncpu.max=150000 100000\npids.max=64\nio.weight=50\n"
            "cpuset.cpus=0-2,5\n");
  const auto missing = apply_settings(units_.get(), "a.service", cgroup_settings(all_of_them(), 1000));
  ASSERT_TRUE(missing) << missing.error().text();
  EXPECT_TRUE(missing->empty());
  EXPECT_EQ(get("system/a.service/cpu.max"), "150000 100000");
  EXPECT_EQ(get("system/a.service/memory.max"), "536870912");
  EXPECT_TRUE(cgroup_settings({}, 1000).empty());
}

TEST_F(ResourcesTest, AMissingControllerIsAskedForAndThenNamed) {
  put_in_unit("pids.max");
  const auto missing =
      apply_settings(units_.get(), "a.service",
                     {{"memory-max", "memory", "memory.max", "1"}, {"tasks-max", "pids", "pids.max", "7"}});
  ASSERT_TRUE(missing);
  EXPECT_EQ(*missing, std::vector<std::string>{"memory-max"});
  EXPECT_EQ(get("cgroup.subtree_control"), "+memory");
  EXPECT_EQ(get("system/cgroup.subtree_control"), "+memory");
  EXPECT_EQ(get("system/a.service/pids.max"), "7");
}

TEST_F(ResourcesTest, WhatTheKernelRefusesNamesKeyFileAndValue) {
  fs::create_directory(top_ / "system/a.service/memory.max");  // a write fails with EISDIR
  const auto applied =
      apply_settings(units_.get(), "a.service", {{"memory-max", "memory", "memory.max", "1"}});
  ASSERT_FALSE(applied);
  EXPECT_EQ(applied.error().step, "memory-max");
  EXPECT_EQ(applied.error().object, "memory.max = 1");
  EXPECT_EQ(applied.error().code, EISDIR);
}

TEST_F(ResourcesTest, UsageIsWhatTheFilesTellAndNothingElse) {
  put_in_unit("memory.current", "4096\n");
  put_in_unit("memory.peak", "8192\n");
  put_in_unit("memory.max", "max\n");
  put_in_unit("memory.events", "low 0\noom 3\noom_kill 2\noom_group_kill 0\n");
  put_in_unit("pids.current", "3\n");
  put_in_unit("cpu.stat", "usage_usec 1500\nuser_usec 1000\nsystem_usec 500\n");
  put_in_unit("io.stat", "8:0 rbytes=100 wbytes=7 rios=1\n8:16 rbytes=11 wbytes=0 rios=1\n");
  const Usage usage = read_usage(units_.get(), "a.service");
  EXPECT_EQ(usage.memory, 4096U);
  EXPECT_EQ(usage.memory_peak, 8192U);
  EXPECT_EQ(usage.memory_max, std::nullopt);
  EXPECT_EQ(usage.tasks, 3U);
  EXPECT_EQ(usage.tasks_max, std::nullopt);
  EXPECT_EQ(usage.cpu_us, 1500U);
  EXPECT_EQ(usage.io_read, 111U);
  EXPECT_EQ(usage.io_written, 7U);
  EXPECT_EQ(usage.oom_kills, 2U);
  EXPECT_EQ(read_usage(units_.get(), "b.service").memory, std::nullopt);
}

TEST_F(ResourcesTest, ADelegatedGroupIsItsUsersAndItsLimitsAreNot) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  for (const char* file : {"cgroup.procs", "cgroup.subtree_control", "memory.max"}) put_in_unit(file);
  ASSERT_TRUE(delegate_group(units_.get(), "a.service", 1234, 2345));
  const auto owner = [this](const std::string& file) {
    struct stat status {};
    EXPECT_EQ(stat((top_ / "system/a.service" / file).c_str(), &status), 0);
    return status.st_uid;
  };
  EXPECT_EQ(owner(""), 1234U);
  EXPECT_EQ(owner("cgroup.procs"), 1234U);
  EXPECT_EQ(owner("memory.max"), 0U);
}

}  // namespace
}  // namespace init::manager
