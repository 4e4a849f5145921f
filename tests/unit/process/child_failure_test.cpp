// Each step that can fail is reported as (step, errno, detail), and ends the child.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "tests/unit/process/child_runner.h"

namespace init::process {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): the helpers of these tests

constexpr uid_t kNobody = 65534;

PlanInput true_input() {
  PlanInput input;
  input.program = "/bin/true";
  input.arguments = {"true"};
  return input;
}

void become_nobody() {
  if (::setresgid(kNobody, kNobody, kNobody) != 0 || ::setresuid(kNobody, kNobody, kNobody) != 0) ::_exit(98);
}

class ChildFailureTest : public ::testing::Test {
 protected:
  void expect(const std::string& end, const PlanInput& input, const RunOptions& options = {},
              int code = 126) {
    const RunResult result = run_child(input, options);
    EXPECT_EQ(result.end(), end);
    EXPECT_EQ(result.status, W_EXITCODE(code, 0));
  }

  Folder folder_;
};

TEST_F(ChildFailureTest, MissingProgram) {
  PlanInput input = true_input();
  input.program = "/no/such/program";
  expect("exec/ENOENT/0", input, {}, 127);
  input.program = "no-such-program";
  input.search_path = "";
  expect("exec/ENOENT/0", input, {}, 127);
  input.search_path = "/bin:/usr/bin";
  expect("exec/ENOENT/0", input, {}, 127);
}

TEST_F(ChildFailureTest, ProgramThatMayNotOrCannotRun) {
  std::ofstream(folder_.path("no-program")) << "no program\n";
  PlanInput input = true_input();
  input.program = folder_.path("no-program");
  expect("exec/EACCES/0", input);
  ::chmod(input.program.c_str(), 0755);
  expect("exec/ENOEXEC/0", input);
  ::chmod(input.program.c_str(), 0644);
  input.program = "no-program";
  input.search_path = folder_.path() + ":/bin";
  expect("exec/EACCES/0", input);
}

TEST_F(ChildFailureTest, WorkingDirectoryMissingOrForbidden) {
  PlanInput input = true_input();
  input.working_directory = folder_.path("missing");
  expect("working-directory/ENOENT/0", input);
  if (!is_root()) GTEST_SKIP() << "the rest needs root";
  ASSERT_EQ(::mkdir(folder_.path("private").c_str(), 0700), 0);
  input.working_directory = folder_.path("private");
  input.uid = kNobody;
  expect("working-directory/EACCES/0", input);
}

TEST_F(ChildFailureTest, RootDirectoryMissing) {
  if (!is_root()) GTEST_SKIP() << "needs root";
  PlanInput input = true_input();
  input.root_directory = folder_.path("missing");
  expect("root-directory/ENOENT/0", input);
}

TEST_F(ChildFailureTest, LimitThatNobodyMaySet) {
  PlanInput input = true_input();
  input.limits[RLIMIT_NOFILE] = LimitPlan{16, ~std::uint64_t{0}};  // above fs.nr_open
  expect("limits/EPERM/7", input);
}

TEST_F(ChildFailureTest, SessionOfAGroupLeader) {
  RunOptions options;
  options.spoil_child = [] { ::setpgid(0, 0); };
  expect("session/EPERM/0", true_input(), options);
}

TEST_F(ChildFailureTest, CgroupThatCannotBeJoined) {
  const UniqueFd readonly(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  RunOptions options;
  options.cgroup_procs_fd = readonly.get();
  expect("cgroup/EBADF/0", true_input(), options);
}

TEST_F(ChildFailureTest, PrioritiesThatNeedPrivileges) {
  if (!is_root()) GTEST_SKIP() << "needs root";
  RunOptions options;
  options.spoil_parent = become_nobody;
  PlanInput input = true_input();
  input.nice = -5;
  expect("nice/EACCES/0", input, options);
  input = true_input();
  input.oom_score_adjust = -1000;
  expect("oom-score-adjust/EACCES/0", input, options);
}

TEST_F(ChildFailureTest, IdentitiesThatNeedPrivileges) {
  if (!is_root()) GTEST_SKIP() << "needs root";
  RunOptions options;
  options.spoil_parent = become_nobody;
  PlanInput input = true_input();
  input.uid = 0;
  expect("user/EPERM/0", input, options);
  input.gid = 0;
  expect("group/EPERM/0", input, options);
  input.groups.emplace();
  expect("groups/EPERM/0", input, options);
}

TEST_F(ChildFailureTest, GroupsInAUserNamespaceThatDeniesThem) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "the sanitizer has a thread of its own, beside which unshare(2) makes no such namespace";
#endif
  RunOptions options;
  options.spoil_parent = [] {
    if (::unshare(CLONE_NEWUSER) != 0) ::_exit(97);
    std::ofstream("/proc/self/setgroups") << "deny";
  };
  PlanInput input = true_input();
  input.groups.emplace();
  expect("groups/EPERM/0", input, options);
}

TEST_F(ChildFailureTest, IdentityThatWasOnlyClaimedToBeTaken) {
  if (!is_root()) GTEST_SKIP() << "needs root";
  PlanInput input = true_input();
  input.uid = kNobody;
  input.gid = kNobody;
  RunOptions options;
  options.spoil_child = [] { refuse_syscall(SYS_setresuid, 0); };
  expect("user/EPERM/0", input, options);
  options.spoil_child = [] { refuse_syscall(SYS_setresgid, 0); };
  expect("group/EPERM/0", input, options);
}

TEST_F(ChildFailureTest, FileThatCannotBeOpened) {
  PlanInput input = true_input();
  input.stdio[1] = {StdioKind::Append, folder_.path("missing/log"), false, 0640, 0};
  expect("stdio/ENOENT/1", input);
  input.stdio[1] = {StdioKind::Truncate, folder_.path(), true, 0640, 0};
  expect("stdio/EISDIR/1", input);
  input.stdio[1] = {};
  input.stdio[0] = {StdioKind::Read, folder_.path("missing"), false, 0640, 0};
  expect("stdio/ENOENT/0", input);
}

TEST_F(ChildFailureTest, FileThatTheUserMayNotOpenThoughRootMay) {
  if (!is_root()) GTEST_SKIP() << "needs root";
  PlanInput input = true_input();
  input.uid = kNobody;
  input.stdio[2] = {StdioKind::Append, folder_.path("log"), false, 0640, 0};
  expect("stdio/EACCES/2", input);
  EXPECT_NE(::access(folder_.path("log").c_str(), F_OK), 0);
  input.stdio[2].before_identity = true;
  EXPECT_EQ(run_child(input).end(), "running");
  struct stat status {};
  ASSERT_EQ(::stat(folder_.path("log").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0640U);
}

TEST_F(ChildFailureTest, LinkInPlaceOfAFileOfOurOwn) {
  ASSERT_EQ(::symlink("/etc/passwd", folder_.path("log").c_str()), 0);
  PlanInput input = true_input();
  input.stdio[1] = {StdioKind::Append, folder_.path("log"), true, 0640, 0};
  expect("stdio/ELOOP/1", input);
}

TEST_F(ChildFailureTest, FifoThatNobodyReadsDoesNotHoldUpTheChild) {
  ASSERT_EQ(::mkfifo(folder_.path("fifo").c_str(), 0600), 0);
  PlanInput input = true_input();
  input.stdio[1] = {StdioKind::Append, folder_.path("fifo"), false, 0640, 0};
  expect("stdio/ENXIO/1", input);
}

TEST_F(ChildFailureTest, PassedFdThatDidNotCome) {
  PlanInput input = true_input();
  input.stdio[1] = {StdioKind::Passed, {}, false, 0640, 5};
  expect("stdio/EBADF/1", input);
  input.stdio[1] = {};
  input.passed = {{0, 3}, {5, 4}};
  expect("passed-fds/EBADF/1", input);
  RunOptions options;
  options.passed = {2, -1};
  expect("passed-fds/EBADF/1", input, options);
}

TEST_F(ChildFailureTest, StreamThatTheParentDoesNotHave) {
  PlanInput input = true_input();
  input.stdio[0].kind = StdioKind::Inherit;
  RunOptions options;
  options.spoil_parent = [] { ::close(0); };
  expect("stdio/EBADF/0", input, options);
}

TEST_F(ChildFailureTest, TerminalThatIsNone) {
  PlanInput input = true_input();
  input.controlling_tty = true;
  expect("terminal/ENOTTY/0", input);
}

TEST_F(ChildFailureTest, TableThatCannotBeUnshared) {
  RunOptions options;
  options.shares_table = true;
  options.spoil_child = [] {
    refuse_syscall(SYS_close_range, EPERM);
    refuse_syscall(SYS_unshare, EPERM);
  };
  expect("unshare/EPERM/0", true_input(), options);
}

}  // namespace
}  // namespace init::process
