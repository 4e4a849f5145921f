// The file descriptors of a child: the table it may share, the streams, the passed fds, and the fall-backs.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "tests/unit/process/child_runner.h"

namespace init::process {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): the helpers of these tests

class ChildFdsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    install_probe(folder_.path("probe"));
    for (const char* name : {"a", "b", "c", "d"}) {
      files_.emplace_back(::open(folder_.path(name).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    }
  }

  // The probe, with /dev/null as its streams; it writes to fd 99, the passed fd `output`.
  [[nodiscard]] PlanInput probe_input(std::uint32_t output) const {
    PlanInput input;
    input.program = folder_.path("probe");
    input.arguments = {"probe", "99"};
    input.passed = {{output, 99}};
    return input;
  }

  // The fds that the program has, apart from the one the probe writes to.
  State fds(const PlanInput& input, const RunOptions& options) {
    const RunResult result = run_child(input, options);
    EXPECT_EQ(result.end(), "running");
    State state = parse_state(result.output);
    std::erase_if(state,
                  [](const auto& line) { return !line.first.starts_with("fd.") || line.first == "fd.99"; });
    return state;
  }

  [[nodiscard]] std::string file(const std::string& name, const std::string& access = "rw ") const {
    return access + folder_.path(name);
  }

  Folder folder_;
  std::vector<UniqueFd> files_;
};

constexpr const char* kNull = "rw /dev/null";

// Puts the test's file `fd` at `number` in the parent; close-on-exec, as the parent's fds are.
void at(int fd, int number) {
  if (::dup3(fd, number, O_CLOEXEC) != number) ::_exit(98);
}

TEST_F(ChildFdsTest, PassedFdsMayTradePlacesWithOneAnotherAndWithTheReportPipe) {
  RunOptions options;
  options.spoil_parent = [&] {
    for (int index = 0; index < 4; ++index) at(files_[static_cast<std::size_t>(index)].get(), 40 + index);
  };
  options.passed = {40, 41, 42, 43};
  PlanInput input = probe_input(4);
  // All of 3..39 is a target once, so that whatever number the report pipe has is one of them.
  for (std::uint32_t target = 3; target < 40; ++target) input.passed.push_back({3, target});
  input.passed.insert(input.passed.end(), {{1, 40}, {2, 41}, {0, 42}, {0, 43}});
  State state = fds(input, options);
  EXPECT_EQ(state.size(), 3U + 37U + 4U);
  EXPECT_EQ(state["fd.3"], file("d"));
  EXPECT_EQ(state["fd.39"], file("d"));
  EXPECT_EQ(state["fd.40"], file("b"));
  EXPECT_EQ(state["fd.41"], file("c"));
  EXPECT_EQ(state["fd.42"], file("a"));
  EXPECT_EQ(state["fd.43"], file("a"));
}

TEST_F(ChildFdsTest, PassedFdsMayBeStreamsEvenFromTheNumbersOfStreams) {
  RunOptions options;
  options.spoil_parent = [&] {
    for (int index = 0; index < 3; ++index) at(files_[static_cast<std::size_t>(index)].get(), index);
  };
  options.passed = {0, 1, 2};
  PlanInput input = probe_input(3);
  for (std::uint32_t stream = 0; stream < 3; ++stream) {
    input.stdio[stream] = {StdioKind::Passed, {}, false, 0640, (stream + 1) % 3};
  }
  const State wanted{{"fd.0", file("b")}, {"fd.1", file("c")}, {"fd.2", file("a")}};
  EXPECT_EQ(fds(input, options), wanted);
}

TEST_F(ChildFdsTest, StreamsAreOpenedEvenWhenTheParentHasNone) {
  RunOptions options;
  options.spoil_parent = [] {
    for (int stream = 0; stream < 3; ++stream) ::close(stream);
  };
  PlanInput input = probe_input(0);
  input.stdio[0] = {StdioKind::Read, folder_.path("a"), false, 0640, 0};
  input.stdio[2] = {StdioKind::Append, folder_.path("b"), true, 0640, 0};
  const State wanted{{"fd.0", file("a", "r ")}, {"fd.1", kNull}, {"fd.2", file("b", "w append ")}};
  EXPECT_EQ(fds(input, options), wanted);
}

TEST_F(ChildFdsTest, InheritedStreamsLoseTheirCloseOnExec) {
  RunOptions options;
  options.spoil_parent = [&] {
    for (int stream = 0; stream < 3; ++stream) at(files_[static_cast<std::size_t>(stream)].get(), stream);
  };
  PlanInput input = probe_input(0);
  for (PlanInput::Stdio& stdio : input.stdio) stdio.kind = StdioKind::Inherit;
  const State wanted{{"fd.0", file("a")}, {"fd.1", file("b")}, {"fd.2", file("c")}};
  EXPECT_EQ(fds(input, options), wanted);
}

TEST_F(ChildFdsTest, FilesAreAppendedToOrEmptiedAndGetTheirMode) {
  for (const char* name : {"a", "b"}) std::ofstream(folder_.path(name)) << "old ";
  PlanInput input;
  input.program = "/bin/sh";
  input.arguments = {"sh", "-c", "echo out; echo err >&2"};
  input.stdio[1] = {StdioKind::Append, folder_.path("a"), false, 0640, 0};
  input.stdio[2] = {StdioKind::Truncate, folder_.path("b"), false, 0640, 0};
  EXPECT_EQ(run_child(input).status, 0);
  EXPECT_EQ(read_file(folder_.path("a")), "old out\n");
  EXPECT_EQ(read_file(folder_.path("b")), "err\n");

  input.umask = 0077;
  input.stdio[1] = {StdioKind::Append, folder_.path("new"), false, 0666, 0};
  input.stdio[2] = {StdioKind::Append, folder_.path("own"), true, 0666, 0};
  EXPECT_EQ(run_child(input).status, 0);
  struct stat status {};
  ASSERT_EQ(::stat(folder_.path("new").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U) << "a file of the service's user follows the umask";
  ASSERT_EQ(::stat(folder_.path("own").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0666U) << "a file of our own has the plan's mode";
}

TEST_F(ChildFdsTest, FifoWithAReaderIsWrittenToWithoutNonblock) {
  ASSERT_EQ(::mkfifo(folder_.path("fifo").c_str(), 0600), 0);
  const UniqueFd reader(::open(folder_.path("fifo").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  PlanInput input = probe_input(0);
  input.stdio[1] = {StdioKind::Append, folder_.path("fifo"), false, 0640, 0};
  EXPECT_EQ(fds(input, {})["fd.1"], file("fifo", "w append "));
}

TEST_F(ChildFdsTest, ASmallLimitOfOpenFilesDoesNotStopTheStepsThemselves) {
  RunOptions options;
  options.spoil_parent = [&] {
    // So that whatever is opened gets a number above the limit.
    for (int fd = 3; fd < 40; ++fd) {
      if (::fcntl(fd, F_GETFD) < 0) at(files_[0].get(), fd);
    }
  };
  PlanInput input = probe_input(0);
  input.limits[RLIMIT_NOFILE] = LimitPlan{8, 8};
  input.stdio[1] = {StdioKind::Append, folder_.path("b"), false, 0640, 0};
  input.program = "/bin/sh";
  input.arguments = {"sh", "-c", "ulimit -n; ulimit -H -n"};
  const RunResult result = run_child(input, options);
  EXPECT_EQ(result.end(), "running");
  EXPECT_EQ(read_file(folder_.path("b")), "8\n8\n");
}

// What the parent had before and what it has after a child that shared its table.
std::set<int> open_fds() {
  std::set<int> open;
  for (int fd = 0; fd < 2048; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) open.insert(fd);
  }
  return open;
}

class SharedTableTest : public ChildFdsTest, public ::testing::WithParamInterface<int> {};

// The parameter: the errno with which close_range(2) is refused, 0 = it is there.
TEST_P(SharedTableTest, LeavesTheParentsTableAsItIsAndTakesNoStoredFd) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < 2048) GTEST_SKIP() << "needs more open files";
  std::set<int> before;
  RunOptions options;
  options.shares_table = true;
  options.passed = {files_[0].get()};
  options.spoil_parent = [&] {
    for (const int stored : {1024, 1025, 1500, 2047}) {
      if (::dup2(files_[1].get(), stored) != stored) ::_exit(98);  // not close-on-exec
    }
    ::dup2(files_[2].get(), 700);
    before = open_fds();
  };
  options.spoil_child = [] {
    if (GetParam() != 0) refuse_syscall(SYS_close_range, GetParam());
  };
  options.parent_afterwards = [&] {
    if (open_fds() != before) ::_exit(97);  // the runner sees that its parent failed
  };
  PlanInput input = probe_input(1);
  input.passed.push_back({0, 3});
  const RunResult result = run_child(input, options);
  EXPECT_EQ(result.end(), "running");
  const State wanted{{"fd.0", kNull}, {"fd.1", kNull}, {"fd.2", kNull}, {"fd.3", file("a")}};
  EXPECT_EQ(fds(input, options), wanted);
}

INSTANTIATE_TEST_SUITE_P(WithAndWithoutCloseRange, SharedTableTest, ::testing::Values(0, ENOSYS, EPERM));

struct SocketPair {
  SocketPair() {
    int ends[2] = {-1, -1};
    ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
    ours.reset(ends[0]);
    childs.reset(ends[1]);
    const int on = 1;
    ::setsockopt(ours.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
  }
  UniqueFd ours, childs;
};

// The sender of the byte that comes next, by the kernel's word; 0 when none comes.
pid_t receive_sender(int socket) {
  char byte = 0;
  iovec part{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(ucred))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  if (::recvmsg(socket, &message, 0) != 1) return 0;
  ucred sender{};
  std::memcpy(&sender, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof sender);
  return sender.pid;
}

TEST_F(ChildFdsTest, AwaitsTheEndOfAnotherAndTheProgramDoesNotGetIt) {
  SocketPair pair;
  RunOptions options;
  options.passed = {files_[0].get(), pair.childs.get()};
  options.spoil_parent = [&] { pair.ours.reset(); };
  PlanInput input = probe_input(2);
  input.passed.push_back({0, 3});
  input.await_end = 1;
  bool waited = false;
  pid_t sender = 0;
  std::thread other([&] {
    sender = receive_sender(pair.ours.get());
    const std::string proc = "/proc/" + std::to_string(sender);
    std::error_code gone;
    for (bool sleeps = false; !sleeps && !gone;) {
      sleeps = read_file(proc + "/stat").find(") S ") != std::string::npos;
      waited = sleeps && std::filesystem::read_symlink(proc + "/exe", gone).filename() != "probe";
    }
    pair.ours.reset();
  });
  const RunResult result = run_child(input, options);
  other.join();
  EXPECT_EQ(result.end(), "running");
  EXPECT_EQ(sender, result.pid);
  EXPECT_TRUE(waited);
  const State wanted{{"fd.0", kNull}, {"fd.1", kNull}, {"fd.2", kNull}, {"fd.3", file("a")}};
  EXPECT_EQ(fds(input, options), wanted);  // nobody has the other end any more: it goes on
}

TEST_F(ChildFdsTest, ClosesAllWithoutCloseRangeAndWithoutProc) {
  if (!is_root()) GTEST_SKIP() << "needs root";
  RunOptions options;
  options.spoil_child = [&] {
    for (const int fd : {50, 500, 1500}) ::dup2(files_[1].get(), fd);
    if (::chroot(folder_.path().c_str()) != 0) ::_exit(98);
    refuse_syscall(SYS_close_range, ENOSYS);
  };
  PlanInput input = probe_input(0);
  input.program = "/probe";
  for (PlanInput::Stdio& stdio : input.stdio) stdio.kind = StdioKind::Inherit;
  std::set<std::string> left;
  for (const auto& [key, target] : fds(input, options)) left.insert(key);
  EXPECT_EQ(left, (std::set<std::string>{"fd.0", "fd.1", "fd.2"}));
}

}  // namespace
}  // namespace init::process
