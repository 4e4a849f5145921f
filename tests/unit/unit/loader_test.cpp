#include "libinit/unit/loader.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/unit/unit/folder.h"
#include "tests/unit/unit/unit_text.h"

namespace init::unit {
namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;

class Loading : public InFolder {
 protected:
  LoadedSet load() { return load_units({{"/etc", "/missing", "/lib"}}, {true, root_}); }
  static Names ids(const LoadedSet& set) {
    Names out;
    for (const Unit& unit : set.units) out.push_back(unit.id);
    return out;
  }
};

TEST_F(Loading, TheFirstDirectoryWinsAndUnitsAreSorted) {
  write("/lib/b.service.toml", kCommand);
  write("/lib/a.service.toml", kCommand + "user = \"lib\"\n");
  write("/etc/a.service.toml", kCommand + "user = \"etc\"\n");
  write("/etc/t.target.toml", "# groups\n");
  const LoadedSet set = load();
  EXPECT_EQ(ids(set), (Names{"a.service", "b.service", "t.target"}));
  EXPECT_EQ(set.units[0].service.user, "etc");
  EXPECT_EQ(set.units[0].files, (Names{root_ + "/etc/a.service.toml"}));
  EXPECT_TRUE(set.diagnostics.empty());
}

TEST_F(Loading, ADirectoryThatCannotBeReadIsNamedAndAMissingOneIsNot) {
  write("/etc", "no directory\n");
  write("/lib/a.service.toml", kCommand);
  const LoadedSet set = load();
  EXPECT_EQ(ids(set), (Names{"a.service"}));
  EXPECT_EQ(set.unreadable, (Names{root_ + "/etc"}));
  EXPECT_EQ(set.diagnostics.size(), 1U);
}

TEST_F(Loading, AnEmptyFileOrALinkToNullMasks) {
  for (const char* name : {"a", "b", "c"}) write("/lib/" + std::string(name) + ".service.toml", kCommand);
  write("/etc/a.service.toml", "");
  link("/dev/null", "/etc/b.service.toml");
  const LoadedSet set = load();
  EXPECT_EQ(ids(set), (Names{"c.service"}));
  EXPECT_EQ(set.masked, (Names{"a.service", "b.service"}));
  EXPECT_TRUE(set.diagnostics.empty());
}

TEST_F(Loading, ABrokenFileCostsItsOwnUnitOnlyAndIsNotReplacedByALaterOne) {
  write("/etc/a.service.toml", "[service]\ncomand = 1\n");
  write("/lib/a.service.toml", kCommand);
  write("/lib/b.service.toml", kCommand);
  const LoadedSet set = load();
  EXPECT_EQ(ids(set), (Names{"b.service"}));
  EXPECT_EQ(set.refused, (Names{"a.service"}));
}

TEST_F(Loading, LinksOfTargetsBecomeDependencies) {
  write("/lib/t.target.toml", "[unit]\nwants = [\"z.service\"]\n");
  link("../a.service.toml", "/etc/t.target.wants/a.service.toml");
  link("/dev/null", "/etc/t.target.wants/no.service.toml");
  link("../no.service.toml", "/lib/t.target.wants/no.service.toml");
  link("../b.service.toml", "/lib/t.target.requires/b.service.toml");
  link("x", "/lib/t.target.wants/README");
  const LoadedSet set = load();
  ASSERT_EQ(set.units.size(), 1U);
  const Unit& target = set.units[0];
  ASSERT_EQ(target.dependencies.size(), 3U);
  EXPECT_EQ(target.dependencies[1], (Dependency{DependencyKind::Wants, "a.service", {1, 0, 0}, true}));
  EXPECT_EQ(target.dependencies[2], (Dependency{DependencyKind::Requires, "b.service", {2, 0, 0}, true}));
  EXPECT_EQ(target.files[1], root_ + "/etc/t.target.wants");
}

TEST_F(Loading, DropInFoldersAndHiddenFilesAreLeftAlone) {
  write("/etc/a.service.d/50.toml", "nonsense");
  write("/etc/.#a.service.toml", "nonsense");
  write("/etc/README", "nonsense");
  const LoadedSet set = load();
  EXPECT_TRUE(set.units.empty() && set.refused.empty() && set.diagnostics.empty());
}

TEST_F(Loading, NamesThatAreNoUnitNamesAreReported) {
  for (const char* name : {"/etc/a.toml", "/etc/a b.service.toml", "/etc/a.service.timer.toml"})
    write(name, kCommand);
  EXPECT_EQ(load().diagnostics.size(), 3U);
  EXPECT_TRUE(load().units.empty());
}

TEST_F(Loading, OnlyRegularFilesOfTrustedOwnersAreRead) {
  fs::create_directories(root_ + "/etc/dir.service.toml");
  ASSERT_EQ(mkfifo((root_ + "/etc/fifo.service.toml").c_str(), 0644), 0);
  link("/dev/zero", "/etc/device.service.toml");
  link("nowhere", "/etc/dangling.service.toml");
  link("loop.service.toml", "/etc/loop.service.toml");
  write("/etc/world.service.toml", kCommand);
  fs::permissions(root_ + "/etc/world.service.toml", fs::perms(0646));
  write("/etc/large.service.toml", std::string(257 * 1024, '#'));
  write("/etc/timer.timer.toml", "# x");
  write("/etc/getty@.service.toml", kCommand);
  write("/else/real.toml", kCommand);
  link("../else/real.toml", "/etc/linked.service.toml");
  const LoadedSet set = load();
  EXPECT_EQ(ids(set), (Names{"linked.service"}));
  EXPECT_EQ(set.refused,
            (Names{"dangling.service", "device.service", "dir.service", "fifo.service", "getty@.service",
                   "large.service", "loop.service", "timer.timer", "world.service"}));
  for (const Diagnostic& diagnostic : set.diagnostics) EXPECT_EQ(diagnostic.code, "E0001");
}

TEST_F(Loading, AnotherOwnerIsRefusedUnlessAskedForOtherwise) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to give a file away";
  write("/etc/a.service.toml", kCommand);
  ASSERT_EQ(chown((root_ + "/etc/a.service.toml").c_str(), 65534, 65534), 0);
  EXPECT_EQ(load().refused, (Names{"a.service"}));
  EXPECT_EQ(load_units({{"/etc"}}, {false, root_}).units.size(), 1U);
}

// A writer rewrites the file in place all the time; each load sees one whole version or refuses.
TEST_F(Loading, AFileThatIsBeingWrittenIsReadWholeOrRefused) {
  std::atomic<bool> stop = false;
  const std::string path = root_ + "/etc/a.service.toml";
  const auto version = [](char c) {
    return kCommand + "user = \"" + std::string(20, c) + "\"\n# " + std::string(60'000, c);
  };
  write("/etc/a.service.toml", version('a'));
  std::thread writer([&] {
    for (char c = 'a'; !stop; c = c == 'z' ? 'a' : static_cast<char>(c + 1))
      std::ofstream(path) << version(c);
  });
  int whole = 0;
  for (int i = 0; i < 300; ++i) {
    const LoadedSet set = load();
    if (set.units.empty()) continue;
    ++whole;
    const std::string& user = set.units[0].service.user;
    EXPECT_EQ(user, std::string(20, user[0]));
  }
  stop = true;
  writer.join();
  EXPECT_EQ(load().units.size(), 1U);
}

TEST_F(Loading, AThousandUnitsLoadInTime) {
  for (int i = 0; i < 1000; ++i) {
    write("/lib/s" + std::to_string(i) + ".service.toml",
          "[unit]\ndescription = \"a service\"\nwants = [\"x.service\"]\n" + kCommand +
              "restart = \"always\"\nuser = \"www\"\n");
  }
  timespec start{}, end{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
  EXPECT_EQ(load().units.size(), 1000U);
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
  const double milliseconds = static_cast<double>(end.tv_sec - start.tv_sec) * 1e3 +
                              static_cast<double>(end.tv_nsec - start.tv_nsec) / 1e6;
  RecordProperty("milliseconds", std::to_string(milliseconds));
  EXPECT_LT(milliseconds, 1000);
}

TEST(SearchPath, OfAUserFollowsTheEnvironment) {
  setenv("HOME", "/home/u", 1);
  unsetenv("XDG_CONFIG_HOME");
  setenv("XDG_DATA_HOME", "/data", 1);
  EXPECT_EQ(default_search_path(true).directories[0], "/home/u/.config/initd/units");
  EXPECT_EQ(default_search_path(true).directories[1], "/data/initd/units");
  EXPECT_EQ(default_search_path(false).directories[0], "/etc/initd/units");
}

}  // namespace
}  // namespace init::unit
