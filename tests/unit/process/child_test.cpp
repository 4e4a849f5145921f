// The running program and its end.
#include "libinit/process/child.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>

#include "libinit/process/command.h"
#include "tests/support/fake_kernel.h"
#include "tests/unit/process/child_runner.h"

namespace init::process {
namespace {

using namespace std::chrono_literals;
using sys::testing::FakeKernel;
using Kind = ExitStatus::Kind;

Command sh(const std::string& script) {
  return Command("/bin/sh").args({"-c", script});
}

// Runs until its stdin is closed.
Child started_cat() {
  auto child = Command("cat").standard_input(Stdio::pipe()).standard_output(Stdio::pipe()).spawn();
  EXPECT_TRUE(child) << child.error().text();
  return std::move(*child);
}

TEST(Child, IsThereBeforeTheProgramEnds) {
  Child child = started_cat();
  EXPECT_TRUE(child.alive());
  const auto status = child.try_wait();
  ASSERT_TRUE(status);
  EXPECT_FALSE(*status);
  EXPECT_EQ(child.wait(), (ExitStatus{Kind::Exited, 0}));
}

TEST(Child, SpawnItselfReportsAProgramThatCannotRun) {
  const auto missing = Command("/no/such/program").spawn();
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().text(), "exec: /no/such/program: No such file or directory");
  EXPECT_EQ(Command("/etc/passwd").spawn().error().text(), "exec: /etc/passwd: Permission denied");
  EXPECT_EQ(Command("").spawn().error().code, EINVAL);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a failed child is left behind";
  EXPECT_EQ(errno, ECHILD);
}

TEST(Child, KnowsItsPid) {
  auto child = sh("echo $$").standard_output(Stdio::pipe()).spawn();
  ASSERT_TRUE(child);
  EXPECT_EQ(*child->standard_output().read_all(), child->pid().text() + "\n");
  EXPECT_TRUE(child->wait());
}

TEST(Child, WaitIsTheSameEveryTime) {
  auto child = sh("exit 3").spawn();
  ASSERT_TRUE(child);
  for (int time = 0; time < 3; ++time) EXPECT_EQ(child->wait(), (ExitStatus{Kind::Exited, 3}));
  EXPECT_EQ(*child->try_wait(), (ExitStatus{Kind::Exited, 3}));
  EXPECT_FALSE(child->alive());
}

TEST(Child, TryWaitIsEmptyUntilTheEnd) {
  Child child = started_cat();
  EXPECT_FALSE(*child.try_wait());
  child.standard_input().close();
  EXPECT_TRUE(child.wait(10s));
  EXPECT_EQ(**child.try_wait(), (ExitStatus{Kind::Exited, 0}));
}

TEST(Child, WaitHasALimitAfterWhichTheProgramRunsOn) {
  auto child = Command("/bin/sleep").arg("60").spawn();
  ASSERT_TRUE(child);
  const auto status = child->wait(1ms);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ETIMEDOUT);
  EXPECT_EQ(status.error().object, "process " + child->pid().text());
  EXPECT_TRUE(child->alive());
  EXPECT_TRUE(child->kill());
  EXPECT_EQ(child->wait(), (ExitStatus{Kind::Signaled, SIGKILL}));
}

TEST(Child, SendsAnySignal) {
  auto child = sh("trap 'exit 5' USR1; echo ready; while :; do read x; done")
                   .standard_input(Stdio::pipe())
                   .standard_output(Stdio::pipe())
                   .spawn();
  ASSERT_TRUE(child);
  std::array<char, 6> ready;
  ASSERT_TRUE(child->standard_output().read_exact(ready));
  EXPECT_TRUE(child->signal(0));
  EXPECT_EQ(child->signal(65).error().code, EINVAL);
  EXPECT_TRUE(child->signal(SIGUSR1));
  static_cast<void>(child->standard_input().write("\n"));  // ends its read; it may be gone by now
  EXPECT_EQ(child->wait(10s), (ExitStatus{Kind::Exited, 5}));
}

TEST(Child, TerminatesPolitelyAndKillsForSure) {
  Child one = started_cat(), other = started_cat();
  EXPECT_TRUE(one.terminate());
  EXPECT_EQ(one.wait(), (ExitStatus{Kind::Signaled, SIGTERM}));
  EXPECT_TRUE(other.kill());
  EXPECT_EQ(other.wait(), (ExitStatus{Kind::Signaled, SIGKILL}));
}

TEST(Child, NeverReachesAnotherProcessOnceItHasEnded) {
  Child child = started_cat();
  ASSERT_TRUE(child.wait());
  EXPECT_EQ(child.signal(SIGTERM).error().code, ESRCH);
  EXPECT_EQ(child.signal_group(SIGTERM).error().code, ESRCH);
  EXPECT_EQ(child.kill().error().code, ESRCH);
}

TEST(Child, IsNotAliveOnceItHasEndedThoughNobodyHasWaited) {
  Child child = started_cat();
  EXPECT_TRUE(child.kill());
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child.pid().raw()), &info, WEXITED | WNOWAIT), 0);
  EXPECT_FALSE(child.alive());
}

TEST(Child, SignalsTheWholeGroupItLeads) {
  auto child = sh("sleep 60 & echo started; wait").standard_output(Stdio::pipe()).new_session().spawn();
  ASSERT_TRUE(child);
  std::array<char, 8> started;
  ASSERT_TRUE(child->standard_output().read_exact(started));
  EXPECT_TRUE(child->signal_group(SIGKILL));
  // Its end comes only when the last of the group has left the pipe.
  EXPECT_EQ(*child->standard_output().read({started.data(), 1}, 10s), 0U);
  EXPECT_EQ(child->wait(), (ExitStatus{Kind::Signaled, SIGKILL}));
  Child follower = started_cat();
  EXPECT_EQ(follower.signal_group(SIGTERM).error().code, ESRCH) << "it leads none";
  EXPECT_TRUE(follower.wait());
}

TEST(Child, AfterAMoveTheOldOneAnswersWithErrors) {
  Child old = started_cat();
  StreamWriter& writer = old.standard_input();
  Child child = std::move(old);
  EXPECT_EQ(writer.write("x").error().code, EBADF);
  EXPECT_EQ(old.wait().error().code, EBADF);
  EXPECT_EQ(old.signal(SIGTERM).error().code, ESRCH);
  EXPECT_FALSE(old.alive());
  EXPECT_TRUE(child.standard_input().write("x"));
  Child another = started_cat();
  ASSERT_TRUE(another.wait());
  another = std::move(child);
  EXPECT_EQ(another.wait_with_output()->standard_output, "x");
}

TEST(Child, ThatIsLetGoAfterItsEndLeavesNoZombie) {
  pid_t pid = 0;
  {
    auto child = Command("/bin/true").standard_output(Stdio::pipe()).spawn();
    ASSERT_TRUE(child);
    siginfo_t info{};
    pid = child->pid().raw();
    ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT), 0);
  }
  EXPECT_EQ(::waitpid(pid, nullptr, WNOHANG), -1);
}

TEST(Child, IsSignalledByItsNumberWhereThereIsNoCallForThePidfd) {
  Child child = started_cat();
  FakeKernel kernel;
  kernel.refuse(SYS_pidfd_send_signal, ENOSYS, 2);
  ASSERT_TRUE(child.kill());
  EXPECT_EQ(child.wait(10s), (ExitStatus{Kind::Signaled, SIGKILL}));
}

TEST(Child, WaitingSurvivesInterruptions) {
  FakeKernel kernel;
  kernel.refuse(SYS_waitid, EINTR, 3);
  kernel.refuse(SYS_ppoll, EINTR, 3);
  kernel.refuse(SYS_read, EINTR, 3);
  const auto output = sh("echo hello; exit 4").output(10s);
  ASSERT_TRUE(output) << output.error().text();
  EXPECT_EQ(output->standard_output, "hello\n");
  EXPECT_EQ(output->status, (ExitStatus{Kind::Exited, 4}));
}

TEST(Child, ThatSomebodyElseHasReapedIsAnError) {
  Child child = started_cat();
  ASSERT_TRUE(child.kill());
  ASSERT_EQ(::waitpid(child.pid().raw(), nullptr, 0), child.pid().raw());
  EXPECT_EQ(child.wait().error().code, ECHILD);
  EXPECT_EQ(child.signal(SIGTERM).error().code, ESRCH);
}

TEST(Child, ThatCannotBeMadeIsAnErrorOfSpawn) {
  FakeKernel kernel;
  kernel.refuse(SYS_pipe2, EMFILE, 1);
  // With memory of its own, so that it reports through a pipe.
  const auto child = Command("/bin/true").oom_score_adjust(0).spawn();
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().text(), "clone: /bin/true: Too many open files");
}

TEST(Output, OfTenMebibytesOnBothStreamsNeverDeadlocks) {
  const auto output = sh("head -c 10485760 /dev/zero >&2 & head -c 10485760 /dev/zero; wait").output(60s);
  ASSERT_TRUE(output) << output.error().text();
  EXPECT_EQ(output->standard_output.size(), 10485760U);
  EXPECT_EQ(output->standard_error.size(), 10485760U);
  EXPECT_TRUE(output->status.success());
}

TEST(Output, IsNotLostWhenTheTimeIsUp) {
  auto child = sh("echo early; read x; echo late")
                   .standard_input(Stdio::pipe())
                   .standard_output(Stdio::pipe())
                   .spawn();
  ASSERT_TRUE(child);
  StreamWriter input = child->take_standard_input();
  EXPECT_EQ(child->wait_with_output(50ms).error().code, ETIMEDOUT);
  input.close();
  EXPECT_EQ(child->wait_with_output(10s)->standard_output, "early\nlate\n");
}

TEST(Output, OfACatIsWhatWasWrittenToIt) {
  Child child = started_cat();
  ASSERT_TRUE(child.standard_input().write("there\nand back\n"));
  EXPECT_EQ(child.wait_with_output()->standard_output, "there\nand back\n");
}

TEST(Output, AsTextReplacesWhatIsNoUtf8AndKeepsTheBytes) {
  const auto output = sh(R"(printf 'gr\303\274n \377 \342\202 end')").output();
  ASSERT_TRUE(output);
  EXPECT_EQ(output->standard_output, "gr\xc3\xbcn \xff \xe2\x82 end");
  EXPECT_EQ(text_lossy(output->standard_output), "gr\xc3\xbcn \xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd end");
  EXPECT_EQ(text_lossy(""), "");
}

TEST(Output, IsNotCapturedByStatus) {
  testing::Folder folder;
  const UniqueFd before(::dup(1)),
      file(::open(folder.path("out").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  ::dup2(file.get(), 1);
  const auto status = sh("echo to the terminal; exit 6").status();
  ::dup2(before.get(), 1);
  EXPECT_EQ(status, (ExitStatus{Kind::Exited, 6}));
  EXPECT_EQ(testing::read_file(folder.path("out")), "to the terminal\n");
}

}  // namespace
}  // namespace init::process
