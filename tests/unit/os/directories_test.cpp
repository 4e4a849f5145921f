#include "daemon/manager/os/directories.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

namespace init::manager {
namespace {

namespace fs = std::filesystem;

unit::Directory runtime(std::string name) {
  return {unit::DirectoryKind::Runtime, std::move(name), 0755};
}

void touch(const fs::path& path) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << "x";
}

// Runs with an empty /run and /var of its own, that nobody else sees.
void with_own_run(const std::function<void()>& test) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  const pid_t child = fork();
  if (child == 0) {
    const bool ready = unshare(CLONE_NEWNS) == 0 &&
                       mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                       mount("tmpfs", "/run", "tmpfs", 0, nullptr) == 0;
    if (!ready) _exit(77);
    test();
    _exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) GTEST_SKIP() << "no mount namespace here";
  EXPECT_EQ(status, 0);
}

int error_of(const Result<>& result) {
  return result ? 0 : result.error().code;
}

TEST(UnitDirectory, OfItsOwnUserGetsItsGroupAndOneOfAnotherUserIsRefused) {
  with_own_run([] {
    fs::create_directory("/run/web");
    ASSERT_EQ(chown("/run/web", 65534, 1), 0);
    ASSERT_TRUE(make_unit_directory(runtime("web"), 65534, 65534));
    struct stat status {};
    ASSERT_EQ(stat("/run/web", &status), 0);
    EXPECT_EQ(status.st_gid, 65534U);
    EXPECT_EQ(error_of(make_unit_directory(runtime("web"), 65533, 65534)), EPERM);
  });
}

TEST(RuntimeDirectory, GoesWithEverythingBelowItAndNothingBeside) {
  with_own_run([] {
    ASSERT_TRUE(make_unit_directory(runtime("web/one"), 65534, 65534));
    touch("/run/web/one/a/b/c");
    touch("/run/web/one/socket");
    touch("/run/web/two/keep");
    EXPECT_EQ(error_of(remove_unit_directory(runtime("web/one"))), 0);
    EXPECT_FALSE(fs::exists("/run/web/one"));
    EXPECT_TRUE(fs::exists("/run/web/two/keep"));
    EXPECT_EQ(error_of(remove_unit_directory(runtime("web/one"))), 0) << "nothing there is success";
    EXPECT_EQ(error_of(remove_unit_directory(runtime("never/was"))), 0);
  });
}

TEST(RuntimeDirectory, IsRemovedWithoutFollowingALink) {
  with_own_run([] {
    touch("/run/other/keep");
    fs::create_directories("/run/web/inner");
    fs::create_directory_symlink("/run/other", "/run/web/link");
    fs::create_directory_symlink("/run/other", "/run/web/inner/link");
    EXPECT_EQ(error_of(remove_unit_directory(runtime("web"))), 0);
    EXPECT_FALSE(fs::exists("/run/web"));
    fs::create_directory_symlink("/run/other", "/run/parent");
    touch("/run/other/below/keep");
    EXPECT_NE(error_of(remove_unit_directory(runtime("parent/below"))), 0) << "nor one on the way to it";
    EXPECT_EQ(error_of(remove_unit_directory(runtime("parent"))), 0) << "in its place: the link goes";
    EXPECT_TRUE(fs::exists("/run/other/keep"));
    EXPECT_TRUE(fs::exists("/run/other/below/keep"));
  });
}

// F45, P26: the owner of the directory above exchanges the one that is made, given away and removed for a
// link to somebody else's, all the time.
TEST(RuntimeDirectory, F45P26ThatBecomesALinkLeadsNowhereElse) {
  with_own_run([] {
    const char* set = std::getenv("INITD_FLIPS");
    const std::uint64_t least = set != nullptr ? std::strtoull(set, nullptr, 10) : 100'000;
    touch("/run/victim/keep");
    fs::create_directories("/run/web/one");
    fs::create_directory_symlink("/run/victim", "/run/web/link");
    std::atomic<bool> over = false;
    std::uint64_t flips = 0;
    std::thread attacker([&] {
      for (; !over || flips < least; ++flips) {
        if (renameat2(AT_FDCWD, "/run/web/one", AT_FDCWD, "/run/web/link", RENAME_EXCHANGE) == 0) continue;
        (void)mkdir("/run/web/one", 0755);
        (void)!symlink("/run/victim", "/run/web/link");
      }
    });
    for (int round = 0; round < 2000; ++round) {
      (void)make_unit_directory(runtime("web/one"), 65534, 65534);
      (void)remove_unit_directory(runtime("web/one"));
    }
    over = true;
    attacker.join();
    struct stat status {};
    ASSERT_EQ(stat("/run/victim", &status), 0) << "after " << flips;
    EXPECT_EQ(status.st_uid, geteuid());
    EXPECT_TRUE(fs::exists("/run/victim/keep"));
  });
}

TEST(RuntimeDirectory, IsNotRemovedIntoAMount) {
  with_own_run([] {
    touch("/run/elsewhere/keep");
    fs::create_directories("/run/web/mounted");
    ASSERT_EQ(mount("/run/elsewhere", "/run/web/mounted", nullptr, MS_BIND, nullptr), 0);
    EXPECT_EQ(error_of(remove_unit_directory(runtime("web"))), EBUSY);
    EXPECT_TRUE(fs::exists("/run/elsewhere/keep"));
  });
}

TEST(RuntimeDirectory, OfAnAbsurdDepthIsGivenUp) {
  with_own_run([] {
    fs::path deep = "/run/web";
    for (int i = 0; i < 100; ++i) deep /= "d";
    fs::create_directories(deep);
    EXPECT_EQ(error_of(remove_unit_directory(runtime("web"))), EOVERFLOW);
  });
}

}  // namespace
}  // namespace init::manager
