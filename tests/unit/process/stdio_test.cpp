// What the streams of a program are connected with, which descriptors it has, and the caller's ends.
#include "libinit/process/stdio.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>

#include "libinit/process/command.h"
#include "tests/unit/process/child_runner.h"

namespace init::process {
namespace {

using namespace std::chrono_literals;
using namespace testing;  // NOLINT(google-build-using-namespace): the helpers of these tests

Command sh(const std::string& script) {
  return Command("/bin/sh").args({"-c", script});
}

std::string stdout_of(const Command& command) {
  const auto output = command.output(20s);
  EXPECT_TRUE(output) << output.error().text();
  return output ? output->standard_output : "";
}

class StdioTest : public ::testing::Test {
 protected:
  Folder folder_;
};

TEST_F(StdioTest, NullReadsAsTheEndAndTakesEverything) {
  EXPECT_EQ(stdout_of(Command("cat").standard_input(Stdio::null())), "");
  EXPECT_TRUE(sh("echo x; echo y >&2").standard_output(Stdio::null()).standard_error(Stdio::null()).status());
  EXPECT_EQ(stdout_of(Command("readlink").arg("/proc/self/fd/0")), "/dev/null\n");
}

TEST_F(StdioTest, InheritIsTheCallersOwnStream) {
  std::ofstream(folder_.path("in")) << "from the caller\n";
  const UniqueFd before(::fcntl(0, F_DUPFD_CLOEXEC, 3)),
      file(::open(folder_.path("in").c_str(), O_RDONLY | O_CLOEXEC));
  ::dup2(file.get(), 0);
  EXPECT_EQ(stdout_of(Command("cat").standard_input(Stdio::inherit())), "from the caller\n");
  ::dup2(before.get(), 0);
}

TEST_F(StdioTest, AGivenFdStaysTheCallers) {
  UniqueFd file(::open(folder_.path("out").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  const Command command = sh("echo out; echo err >&2")
                              .standard_output(Stdio::fd(file.get()))
                              .standard_error(Stdio::fd(file.get()));
  for (int time = 0; time < 2; ++time) EXPECT_TRUE(command.status());
  EXPECT_EQ(read_file(folder_.path("out")), "out\nerr\nout\nerr\n");
  EXPECT_NE(::fcntl(file.get(), F_GETFD), -1);
  file.reset();
  const auto closed = sh("").standard_output(Stdio::fd(1000)).spawn();
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().text(), "stdio: stdout: Bad file descriptor");
}

TEST_F(StdioTest, FilesGetTheRightStreamEach) {
  std::ofstream(folder_.path("err")) << "old\n";
  const Command command = sh("echo out; echo err >&2")
                              .standard_output(Stdio::truncate(folder_.path("out"), {.mode = 0604}))
                              .standard_error(Stdio::append(folder_.path("err")))
                              .umask(0);
  for (int time = 0; time < 2; ++time) EXPECT_TRUE(command.status());
  EXPECT_EQ(read_file(folder_.path("out")), "out\n");
  EXPECT_EQ(read_file(folder_.path("err")), "old\nerr\nerr\n");
  struct stat info {};
  ASSERT_EQ(::stat(folder_.path("out").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0604U);
  const auto failed = sh("").standard_error(Stdio::append("/nowhere/log")).spawn();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().text(), "stdio: /nowhere/log: No such file or directory");
}

TEST_F(StdioTest, AFileThatIsCreatedGetsItsOwner) {
  if (!is_root()) GTEST_SKIP() << "needs root";
  std::ofstream(folder_.path("old")).flush();
  EXPECT_TRUE(sh("echo x; echo y >&2")
                  .user("nobody")
                  .standard_output(
                      Stdio::append(folder_.path("new"), {.mode = 0640, .owner = "daemon", .group = "77"}))
                  .standard_error(Stdio::append(folder_.path("old"), {.owner = "daemon"}))
                  .status());
  struct stat info {};
  ASSERT_EQ(::stat(folder_.path("new").c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 1U);
  EXPECT_EQ(info.st_gid, 77U);
  EXPECT_EQ(info.st_mode & 0777U, 0640U);
  ASSERT_EQ(::stat(folder_.path("old").c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 0U) << "one that was there keeps its owner";
  EXPECT_EQ(sh("").standard_output(Stdio::append("/x", {.owner = "nosuchuser"})).spawn().error().object,
            "nosuchuser");
}

TEST_F(StdioTest, AFileWithAnOwnerIsNeverAnotherThanItsPathSays) {
  if (!is_root()) GTEST_SKIP() << "needs root";
  const auto refused = [this](const std::string& name) {
    const auto file = Stdio::truncate(folder_.path(name), {.owner = "nobody"});
    const auto status = sh("echo x").standard_output(file).status();
    return status ? 0 : status.error().code;
  };
  std::ofstream(folder_.path("precious")) << "old\n";
  ASSERT_EQ(::mkdir(folder_.path("directory").c_str(), 0755), 0);
  ASSERT_EQ(::symlink("precious", folder_.path("link").c_str()), 0);
  ASSERT_EQ(::symlink("nowhere", folder_.path("dangling").c_str()), 0);
  ASSERT_EQ(::symlink("directory", folder_.path("way").c_str()), 0);
  EXPECT_EQ(refused("link"), ELOOP);
  EXPECT_EQ(refused("dangling"), ELOOP);
  EXPECT_EQ(refused("way/new"), ELOOP);
  ASSERT_EQ(::link(folder_.path("precious").c_str(), folder_.path("second").c_str()), 0);
  EXPECT_EQ(refused("second"), EMLINK);
  EXPECT_EQ(read_file(folder_.path("precious")), "old\n");
  ASSERT_EQ(::unlink(folder_.path("second").c_str()), 0);
  EXPECT_EQ(refused("precious"), 0);
}

TEST_F(StdioTest, AFileIsReadFrom) {
  std::ofstream(folder_.path("in")) << "in a file\n";
  EXPECT_EQ(stdout_of(Command("cat").standard_input(Stdio::read(folder_.path("in")))), "in a file\n");
}

TEST_F(StdioTest, DataOfAnySizeIsReadToItsEnd) {
  const std::string data(5'000'000, 'x');
  const Command command = Command("cat").standard_input(Stdio::data(data));
  for (int time = 0; time < 2; ++time) EXPECT_EQ(stdout_of(command), data);
  EXPECT_EQ(stdout_of(Command("cat").standard_input(Stdio::data(""))), "");
  EXPECT_EQ(sh("").standard_output(Stdio::data("x")).spawn().error().text(),
            "stdio: stdout: Invalid argument");
}

TEST_F(StdioTest, ErrorsGoWhereTheOutputGoesWhenMerged) {
  EXPECT_EQ(stdout_of(sh("echo 1; echo 2 >&2; echo 3").standard_error(Stdio::merge())), "1\n2\n3\n");
}

struct Terminal {
  UniqueFd master{::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)};
  std::string path;
  Terminal() {
    ::grantpt(master.get());
    ::unlockpt(master.get());
    path = ::ptsname(master.get());
  }
};

TEST_F(StdioTest, ATerminalCanBecomeTheControllingOneWithTheProgramInItsForeground) {
  const Terminal terminal;
  const UniqueFd held(::open(terminal.path.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC));
  Command command = sh("tty; ps -o tpgid= -p $$; echo $$").standard_input(Stdio::terminal(terminal.path));
  EXPECT_EQ(stdout_of(Command(command)).substr(0, terminal.path.size()), terminal.path);
  const std::string text = stdout_of(command.controlling_terminal().foreground());
  const std::string numbers = text.substr(std::min(text.find('\n') + 1, text.size()));
  const std::size_t end = numbers.find('\n');
  EXPECT_EQ(std::atoi(numbers.substr(0, end).c_str()), std::atoi(numbers.substr(end + 1).c_str())) << text;
  EXPECT_EQ(sh("").foreground().spawn().error().step, "terminal") << "stdin is none";
}

TEST_F(StdioTest, TheProgramHasExactlyTheDescriptorsItWasGiven) {
  install_probe(folder_.path("probe"));
  const UniqueFd leak(::open("/dev/null", O_RDONLY));  // no close-on-exec
  const UniqueFd given(::open(folder_.path("probe").c_str(), O_RDONLY | O_CLOEXEC));
  const auto output = Command(folder_.path("probe"))
                          .args({"1", "0"})
                          .pass_fd(given.get(), 7)
                          .pass_fd(given.get(), 1023)
                          .output();
  ASSERT_TRUE(output);
  std::vector<std::string> fds;
  for (const auto& [key, value] : parse_state(output->standard_output)) {
    if (key.starts_with("fd.")) fds.push_back(key);
  }
  EXPECT_EQ(fds, (std::vector<std::string>{"fd.0", "fd.1", "fd.1023", "fd.2", "fd.7"}));
  for (const int target : {2, 1024, -1})
    EXPECT_EQ(sh("").pass_fd(given.get(), target).spawn().error().object, "passed[0]") << target;
}

TEST_F(StdioTest, NamedDescriptorsAreToldAsSocketsAre) {
  const UniqueFd given(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const std::string told = stdout_of(sh("echo $LISTEN_FDS $LISTEN_FDNAMES; [ $LISTEN_PID = $$ ] && echo mine")
                                         .pass_fd(given.get(), 4, "web")
                                         .pass_fd(given.get(), 3));
  EXPECT_EQ(told, "2 unknown:web\nmine\n");
  EXPECT_EQ(sh("").pass_fd(given.get(), 4, "web").spawn().error().step, "pass_fd");
  EXPECT_EQ(sh("").pass_fd(given.get(), 3, "a:b").spawn().error().step, "pass_fd");
}

TEST_F(StdioTest, ThePipeOfAnOutputIsReadInPiecesWhileTheProgramRuns) {
  auto child =
      sh("echo one; read x; echo two").standard_input(Stdio::pipe()).standard_output(Stdio::pipe()).spawn();
  ASSERT_TRUE(child);
  std::array<char, 100> buffer;
  EXPECT_EQ(*child->standard_output().read(buffer), 4U);
  EXPECT_TRUE(child->alive());
  EXPECT_EQ(child->standard_output().read(buffer, 1ms).error().code, ETIMEDOUT);
  ASSERT_TRUE(child->standard_input().write("\n"));
  EXPECT_EQ(*child->standard_output().read_all(), "two\n");
  EXPECT_EQ(*child->standard_output().read(buffer), 0U) << "the end stays the end";
  EXPECT_EQ(child->standard_output().read_exact(buffer).error().code, ENODATA);
  EXPECT_TRUE(child->wait());
}

TEST_F(StdioTest, GrepSeesTheEndWhenItsInputIsClosed) {
  auto child = Command("grep")
                   .args({"-c", "line"})
                   .standard_input(Stdio::pipe())
                   .standard_output(Stdio::pipe())
                   .spawn();
  ASSERT_TRUE(child);
  ASSERT_TRUE(child->standard_input().write("a line\nnothing\nanother line\n"));
  child->standard_input().close();
  EXPECT_EQ(*child->standard_output().read_all(), "2\n");
  EXPECT_EQ(child->standard_input().write("x").error().code, EBADF);
  EXPECT_TRUE(child->wait());
}

bool pipe_signal_waits() {
  sigset_t pending;
  sigpending(&pending);
  return sigismember(&pending, SIGPIPE) == 1;
}

TEST_F(StdioTest, WritingToADeadProgramIsAnErrorAndNoSignal) {
  auto child = Command("/bin/true").standard_input(Stdio::pipe()).spawn();
  ASSERT_TRUE(child);
  StreamWriter input = child->take_standard_input();
  EXPECT_EQ(child->standard_input().write("x").error().code, EBADF) << "it was taken";
  ASSERT_TRUE(child->wait());
  ASSERT_EQ(::signal(SIGPIPE, SIG_DFL), SIG_DFL);
  const auto error = input.write("x").error();
  EXPECT_EQ(error.text(), "write: stdin of process " + child->pid().text() + ": Broken pipe");
  EXPECT_FALSE(pipe_signal_waits());
}

TEST_F(StdioTest, APipeSignalOfTheCallersOwnIsLeftAlone) {
  auto child = Command("/bin/true").standard_input(Stdio::pipe()).spawn();
  ASSERT_TRUE(child);
  StreamWriter input = child->take_standard_input();
  ASSERT_TRUE(child->wait());
  sigset_t pipe, before;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  sigprocmask(SIG_BLOCK, &pipe, &before);
  ::raise(SIGPIPE);
  EXPECT_EQ(input.write("x").error().code, EPIPE);
  EXPECT_TRUE(pipe_signal_waits());
  const timespec now{};
  sigtimedwait(&pipe, nullptr, &now);
  sigprocmask(SIG_SETMASK, &before, nullptr);
}

TEST_F(StdioTest, AfterTheWaitItsOutputCanStillBeReadAndItsInputIsClosed) {
  auto child = sh("echo left behind").standard_input(Stdio::pipe()).standard_output(Stdio::pipe()).spawn();
  ASSERT_TRUE(child);
  ASSERT_TRUE(child->wait());
  EXPECT_EQ(child->standard_input().write("x").error().code, EBADF);
  EXPECT_EQ(*child->standard_output().read_all(), "left behind\n");
  EXPECT_EQ(child->standard_error().read_all().error().text(),
            "read: stderr of process " + child->pid().text() + ": Bad file descriptor")
      << "was no pipe";
}

TEST_F(StdioTest, APipeJoinsAnyTwoPrograms) {
  auto pipe = Pipe::create();
  ASSERT_TRUE(pipe);
  auto reader =
      Command("cat").standard_input(Stdio::fd(pipe->read.get())).standard_output(Stdio::pipe()).spawn();
  // The pipe outlives its writers: the reader sees no end between them.
  for (const char* word : {"one", "two"})
    EXPECT_TRUE(Command("/bin/echo").arg(word).standard_output(Stdio::fd(pipe->write.get())).status());
  EXPECT_FALSE(*reader->try_wait());
  pipe->write.reset();
  EXPECT_EQ(reader->wait_with_output(20s)->standard_output, "one\ntwo\n");
}

TEST_F(StdioTest, APipelineOfSeveralCommandsPassesDataOn) {
  auto children = spawn_pipeline({Command("printf").arg("b\\na\\nb\\n"), Command("sort"),
                                  Command("uniq").arg("-c").standard_output(Stdio::pipe())});
  ASSERT_TRUE(children) << children.error().text();
  ASSERT_EQ(children->size(), 3U);
  EXPECT_EQ(children->back().wait_with_output(20s)->standard_output, "      1 a\n      2 b\n");
  for (Child& child : *children) EXPECT_TRUE(child.wait(20s)->success());
}

TEST_F(StdioTest, APipelineOfWhichOneCannotRunIsTakenBackWhole) {
  const auto children = spawn_pipeline({Command("/bin/sleep").arg("60"), Command("/no/such/program")});
  ASSERT_FALSE(children);
  EXPECT_EQ(children.error().object, "/no/such/program");
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
}

}  // namespace
}  // namespace init::process
