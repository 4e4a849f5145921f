#include "daemon/manager/os/probe_child.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "libinit/base/unique_fd.h"

namespace init::manager {
namespace {

class ProbeChild : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = std::filesystem::temp_directory_path() / "probe-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    root_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  void touch(const std::string& name) const {
    EXPECT_TRUE(UniqueFd(open((root_ + name).c_str(), O_CREAT | O_CLOEXEC, 0600)).valid());
  }
  std::string root_;
};

TEST_F(ProbeChild, SaysWhetherAPathIsThere) {
  EXPECT_EQ(probe_path("path", root_ + "/x", "/"), ENOENT);
  touch("/x");
  EXPECT_EQ(probe_path("path", root_ + "/x", "/"), 0);
  EXPECT_EQ(probe_path("path", "/x", "/no/such/root"), ENOENT);
}

TEST_F(ProbeChild, LinksStayInTheRootDirectory) {
  touch("/x");
  ASSERT_EQ(symlink("/x", (root_ + "/in").c_str()), 0);
  ASSERT_EQ(symlink("/etc/passwd", (root_ + "/out").c_str()), 0);
  EXPECT_EQ(probe_path("path", "/in", root_), 0);
  EXPECT_EQ(probe_path("path", "/out", root_), ENOENT);
  EXPECT_EQ(probe_path("path", "/../../../etc/passwd", root_), ENOENT);
}

TEST_F(ProbeChild, ConnectsToASocketWhereverItIs) {
  const std::string path = root_ + "/socket";
  UniqueFd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(probe_path("unix", path, "/"), ECONNREFUSED);
  ASSERT_EQ(listen(listener.get(), 1), 0);
  EXPECT_EQ(probe_path("unix", path, "/"), 0);
  EXPECT_EQ(probe_path("unix", root_, "/"), ECONNREFUSED);
}

}  // namespace
}  // namespace init::manager
