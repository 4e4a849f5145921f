#include "daemon/manager/os/notify_socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

namespace init::manager {
namespace {

constexpr uid_t kNobody = 65534;

class Notify : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/notify-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    directory_ = name;
    ASSERT_EQ(chmod(name, 0711), 0);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  [[nodiscard]] std::string path() const { return directory_ + "/socket"; }

  NotifySocket bound(uid_t owner = geteuid()) {
    auto made = NotifySocket::bind(path(), owner);
    EXPECT_TRUE(made.has_value()) << made.error().text();
    return std::move(*made);
  }

  // 0 or an errno.
  int send(std::string_view text, int fd = -1) const {
    const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path().c_str(), sizeof address.sun_path - 1);
    iovec part{const_cast<char*>(text.data()), text.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr header{};
    header.msg_name = &address;
    header.msg_namelen = sizeof address;
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    if (fd >= 0) {
      header.msg_control = control;
      header.msg_controllen = sizeof control;
      cmsghdr* at = CMSG_FIRSTHDR(&header);
      at->cmsg_level = SOL_SOCKET;
      at->cmsg_type = SCM_RIGHTS;
      at->cmsg_len = CMSG_LEN(sizeof fd);
      std::memcpy(CMSG_DATA(at), &fd, sizeof fd);
    }
    return sendmsg(socket.get(), &header, 0) >= 0 ? 0 : errno;
  }

  // As another process, that has ended when this returns.
  int send_as(uid_t uid, std::string_view text) const {
    const pid_t child = fork();
    if (child == 0) _exit(uid != 0 && setresuid(uid, uid, uid) != 0 ? 255 : send(text));
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return WEXITSTATUS(status);
  }

  std::string directory_;
};

TEST_F(Notify, ADatagramStaysUntilItIsTakenAway) {
  const NotifySocket socket = bound();
  EXPECT_FALSE(socket.peek());
  ASSERT_EQ(send("READY=1\nSTATUS=up"), 0);
  ASSERT_EQ(send("STOPPING=1"), 0);
  for (int look = 0; look < 2; ++look) {
    const auto notice = socket.peek();
    ASSERT_TRUE(notice && notice->message);
    EXPECT_EQ(notice->message->phase, notify::Phase::Ready);
    EXPECT_EQ(notice->message->status, "up");
    EXPECT_EQ(notice->pid, getpid());
    EXPECT_EQ(notice->uid, geteuid());
    EXPECT_FALSE(notice->sender_ended());
  }
  socket.consume();
  EXPECT_EQ(socket.peek()->message->phase, notify::Phase::Stopping);
  socket.consume();
  EXPECT_FALSE(socket.peek());
}

TEST_F(Notify, DescriptorsComeAlong) {
  const NotifySocket socket = bound();
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd read_end(ends[0]), write_end(ends[1]);
  ASSERT_EQ(send("FDSTORE=1\nFDNAME=pipe", write_end.get()), 0);
  const auto notice = socket.peek();
  ASSERT_TRUE(notice && notice->message && notice->fds.size() == 1);
  EXPECT_TRUE(notice->message->store);
  EXPECT_EQ(write(notice->fds[0].get(), "x", 1), 1);
  EXPECT_NE(fcntl(notice->fds[0].get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(Notify, ASenderThatHasEndedIsKnownToHaveEnded) {
  const NotifySocket socket = bound();
  ASSERT_EQ(send_as(geteuid(), "READY=1"), 0);
  const auto notice = socket.peek();
  ASSERT_TRUE(notice && notice->message);
  EXPECT_TRUE(notice->sender_ended());
  EXPECT_EQ(notice->uid, geteuid());
}

TEST_F(Notify, WhatAnEarlierRunSaidIsForgotten) {
  const NotifySocket socket = bound();
  ASSERT_EQ(send("READY=1"), 0);
  ASSERT_EQ(send("READY=1"), 0);
  socket.discard_all();
  EXPECT_FALSE(socket.peek());
}

TEST_F(Notify, OnlyTheUnitsUserAndRootMaySend) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  const NotifySocket socket = bound(kNobody);
  EXPECT_EQ(send_as(kNobody, "READY=1"), 0);
  EXPECT_EQ(send_as(kNobody - 1, "READY=1"), EACCES);
  EXPECT_EQ(send_as(0, "READY=1"), 0);
}

TEST_F(Notify, AServiceOfRootMayHaveBecomeAnybody) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  const NotifySocket socket = bound(0);
  ASSERT_EQ(send_as(kNobody, "READY=1"), 0);
  EXPECT_EQ(socket.peek()->uid, kNobody);
}

TEST_F(Notify, WhatLiesInTheWayIsReplaced) {
  { const NotifySocket stale = bound(); }
  const NotifySocket socket = bound();
  EXPECT_EQ(send("READY=1"), 0);
  EXPECT_TRUE(socket.peek());
}

TEST_F(Notify, APathThatDoesNotFitIsRefused) {
  const auto made = NotifySocket::bind("/tmp/" + std::string(120, 'x'), 0);
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().code, ENAMETOOLONG);
}

using F1 = Notify;
TEST_F(F1, EmptyAndGiantDatagramsAreSeenAndCanBeTakenAway) {
  const NotifySocket socket = bound();
  for (const std::size_t size : {std::size_t{0}, notify::kMaxDatagram + 1, std::size_t{100000}}) {
    ASSERT_EQ(send(std::string(size, 'x')), 0);
    const auto notice = socket.peek();
    ASSERT_TRUE(notice) << size;
    EXPECT_FALSE(notice->message) << size;
    EXPECT_EQ(notice->pid, getpid());
    socket.consume();
  }
  ASSERT_EQ(send("READY=1"), 0);
  EXPECT_EQ(socket.peek()->message->phase, notify::Phase::Ready);
}

TEST_F(F1, LooksLeaveNoDescriptorBehind) {
  const NotifySocket socket = bound();
  ASSERT_EQ(send("FDSTORE=1", STDERR_FILENO), 0);
  const int before = dup(STDERR_FILENO);
  for (int look = 0; look < 1000; ++look) ASSERT_TRUE(socket.peek());
  const int after = dup(STDERR_FILENO);
  EXPECT_EQ(after, before + 1);
  close(before);
  close(after);
}

}  // namespace
}  // namespace init::manager
