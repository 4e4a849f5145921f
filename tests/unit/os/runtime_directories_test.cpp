#include "daemon/manager/os/runtime_directories.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "daemon/manager/os/directories.h"

namespace init::manager {
namespace {

namespace fs = std::filesystem;

// Directories of its own below the machine's /run, since that is where they go.
class RuntimeDirectoriesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    fs::create_directory(place_);
  }
  void TearDown() override {
    fs::remove_all(place_);
    fs::remove_all("/run/" + base_);
  }

  void hold(RuntimeDirectories& directories, const std::string& unit, const std::string& name) const {
    ASSERT_TRUE(directories.hold(unit, {base_ + name}));
    ASSERT_TRUE(make_unit_directory({unit::DirectoryKind::Runtime, base_ + name, 0755}, 0, 0));
  }
  [[nodiscard]] bool exists(const std::string& name) const { return fs::exists("/run/" + base_ + name); }

  const std::string base_ = "initd-test-" + std::to_string(getpid());
  const std::string place_ = testing::TempDir() + base_;
};

TEST_F(RuntimeDirectoriesTest, ASharedOneGoesWithTheLastOfThemOnly) {
  RuntimeDirectories directories(place_ + "/held");
  hold(directories, "a.service", "/shared");
  hold(directories, "b.service", "/shared");
  EXPECT_TRUE(directories.release("a.service").empty());
  EXPECT_TRUE(exists("/shared"));
  EXPECT_TRUE(directories.release("b.service").empty());
  EXPECT_FALSE(exists("/shared"));
}

TEST_F(RuntimeDirectoriesTest, OneThatHoldsAnothersStays) {
  RuntimeDirectories directories(place_ + "/held");
  hold(directories, "a.service", "/outer");
  hold(directories, "b.service", "/outer/inner");
  EXPECT_TRUE(directories.release("a.service").empty());
  EXPECT_TRUE(exists("/outer/inner"));
  EXPECT_TRUE(directories.release("b.service").empty());
  EXPECT_FALSE(exists("/outer/inner"));
  EXPECT_TRUE(exists("/outer")) << "made for a.service, left to b.service, whose it is not";
}

TEST_F(RuntimeDirectoriesTest, TheNextManagerKnowsThem) {
  {
    RuntimeDirectories directories(place_ + "/held");
    hold(directories, "a.service", "/one");
    hold(directories, "b.service", "/one");
  }
  RuntimeDirectories next(place_ + "/held");
  EXPECT_EQ(next.units(), (std::vector<std::string>{"a.service", "b.service"}));
  EXPECT_TRUE(next.release("b.service").empty());
  EXPECT_TRUE(exists("/one"));
  EXPECT_TRUE(next.release("a.service").empty());
  EXPECT_FALSE(exists("/one"));
  EXPECT_TRUE(RuntimeDirectories(place_ + "/held").units().empty());
}

TEST_F(RuntimeDirectoriesTest, WhatTheUnitFileNoLongerNamesGoesToo) {
  RuntimeDirectories directories(place_ + "/held");
  hold(directories, "a.service", "/old");
  hold(directories, "a.service", "/new");
  EXPECT_TRUE(directories.release("a.service").empty());
  EXPECT_FALSE(exists("/old"));
  EXPECT_FALSE(exists("/new"));
}

}  // namespace
}  // namespace init::manager
