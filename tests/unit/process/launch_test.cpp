// What happens between the parent and the program: in which order, with whose memory, and when it fails.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "libinit/process/child_steps.h"
#include "libinit/process/command.h"
#include "tests/support/fake_kernel.h"
#include "tests/unit/process/child_runner.h"

namespace init::process {
namespace {

using namespace std::chrono_literals;
using namespace testing;  // NOLINT(google-build-using-namespace): the helpers of these tests
using sys::testing::FakeKernel;

// Runs in a child of the test's own: what it prints, before or after it became another program.
template <class Act>
std::string printed_by(Act act) {
  auto pipe = Pipe::create();
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(pipe->write.get(), 1);
    act();
    ::_exit(99);
  }
  pipe->write.reset();
  const std::string text = *StreamReader(std::move(pipe->read), "stdout").read_all();
  ::waitpid(pid, nullptr, 0);
  return text;
}

constexpr const char* kScript = "echo $0 $1 $A";

TEST(CommandExec, ReplacesTheCallerInAllSixWays) {
  ::setenv("A", "own", 1);
  const std::vector<std::string> list{"-c", kScript, "zero", "one"};
  const auto run = [](Command command) { return printed_by([&] { static_cast<void>(command.exec()); }); };
  // execl, execv, execle, execlp, execvp, execvpe: a path or a search; one by one or as a list; whose
  // environment.
  EXPECT_EQ(run(Command("/bin/sh").arg("-c").arg(kScript).arg("zero").arg("one")), "zero one own\n");
  EXPECT_EQ(run(Command("/bin/sh").args(list)), "zero one own\n");
  EXPECT_EQ(run(Command("/bin/sh").args(list).env_clear().env("A", "given")), "zero one given\n");
  EXPECT_EQ(run(Command("sh").arg("-c").arg(kScript).arg("zero").arg("one")), "zero one own\n");
  EXPECT_EQ(run(Command("sh").args(list)), "zero one own\n");
  EXPECT_EQ(run(Command("sh").args(list).env_clear().env("A", "given")), "zero one given\n");
  ::unsetenv("A");
}

TEST(CommandExec, KeepsThePidAndTakesItsStreamsAlong) {
  const std::string text = printed_by([] {
    const std::string script = "[ $$ = " + std::to_string(::getpid()) + " ] && echo same";
    static_cast<void>(Command("/bin/sh").args({"-c", script}).exec());
  });
  EXPECT_EQ(text, "same\n");
}

TEST(CommandExec, ReturnsJustTheErrorAndLeavesDescriptorsAndSignals) {
  const std::string text = printed_by([] {
    ::signal(SIGUSR1, SIG_IGN);
    const UniqueFd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const Error error = Command("/no/such/program").exec();
    const bool kept = ::fcntl(file.get(), F_GETFD) == FD_CLOEXEC && ::signal(SIGUSR1, SIG_DFL) == SIG_IGN;
    ::dprintf(1, "%s%s", error.text().c_str(), kept ? "" : " lost");
  });
  EXPECT_EQ(text, "exec: /no/such/program: No such file or directory");
  EXPECT_EQ(Command("/bin/true").standard_output(Stdio::pipe()).exec().text(),
            "stdio: stdout: Invalid argument");
}

std::vector<long> calls_between(std::vector<long> calls, long first, long last) {
  const auto begin = std::find(calls.begin(), calls.end(), first);
  return {begin, std::find(begin, calls.end(), last)};
}

// The child shares its memory with the recorder, so its steps are seen as they happen.
TEST(CommandSteps, AreTakenInTheDocumentedOrder) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "under a sanitizer the child has a memory of its own";
#endif
  std::vector<long> order;
  {
    FakeKernel kernel;
    kernel.record();
    ASSERT_TRUE(Command("/bin/true")
                    .new_session()
                    .limit(RLIMIT_CORE, 0, 0)
                    .nice(1)
                    .scheduler(SCHED_BATCH)
                    .io_priority(IoClass::BestEffort, 7)
                    .cpu_affinity({0})
                    .umask(022)
                    .bounding_capabilities(~0ULL)
                    .ambient_capabilities(0)
                    .no_new_privileges()
                    .cwd("/")
                    .parent_death_signal(SIGTERM)
                    .status());
    order = kernel.recorded();
  }
  // From the child's own table of descriptors on; once each, the first time.
  order = calls_between(order, SYS_close_range, SYS_waitid);
  std::vector<long> seen;
  for (const long call : order) {
    if (std::find(seen.begin(), seen.end(), call) == seen.end()) seen.push_back(call);
  }
  const std::vector<long> wanted = {SYS_close_range,
                                    SYS_rt_sigaction,
                                    SYS_rt_sigprocmask,
                                    SYS_setsid,
                                    SYS_prlimit64,
                                    SYS_setpriority,
                                    SYS_sched_setscheduler,
                                    SYS_ioprio_set,
                                    SYS_sched_setaffinity,
                                    SYS_openat,
                                    SYS_prctl,
                                    SYS_capget,
                                    SYS_capset,
                                    SYS_chdir,
                                    SYS_getppid,
                                    SYS_execve};
  std::erase_if(seen,
                [&](long call) { return std::find(wanted.begin(), wanted.end(), call) == wanted.end(); });
  EXPECT_EQ(seen, wanted);
}

TEST(CommandSteps, EachThatFailsComesBackFromSpawnByName) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "under a sanitizer the child has a memory of its own";
#endif
  const Command command = Command("/bin/true").new_session().nice(1).cwd("/").no_new_privileges();
  const std::pair<long, const char*> steps[] = {
      {SYS_rt_sigaction, "signals"},    {SYS_setsid, "session"},          {SYS_setpriority, "nice"},
      {SYS_prctl, "no-new-privileges"}, {SYS_chdir, "working-directory"}, {SYS_execve, "exec"}};
  for (const auto& [call, step] : steps) {
    FakeKernel kernel;
    kernel.refuse(call, EPERM);
    const auto child = command.spawn();
    ASSERT_FALSE(child) << step;
    EXPECT_EQ(child.error().step, step);
    EXPECT_EQ(child.error().code, EPERM);
    EXPECT_NE(child.error().text().find("Operation not permitted"), std::string::npos);
  }
}

TEST(CommandSteps, GoOnWhereTheKernelLacksACall) {
  FakeKernel kernel;
  kernel.refuse(SYS_close_range, ENOSYS, 1000);
  const auto output = Command("sh").args({"-c", "ls /proc/self/fd"}).output();
  ASSERT_TRUE(output) << output.error().text();
  EXPECT_EQ(output->standard_output, "0\n1\n2\n3\n") << "3 is the directory that ls reads";
}

TEST(CommandPreExec, RunsInTheChildAsTheLastStep) {
  static std::atomic<int> ran = 0;
  const auto child = Command("sh").args({"-c", "umask"}).umask(0).pre_exec([]() noexcept {
    ran = 1;
    ::umask(0123);
    return 0;
  });
  EXPECT_EQ(child.output()->standard_output, "0123\n");
  EXPECT_EQ(ran, 0) << "it ran in a copy of this process";
}

TEST(CommandPreExec, ThatFailsIsTheErrorOfSpawn) {
  const auto child = Command("/bin/true").pre_exec([]() noexcept { return EXDEV; }).spawn();
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().code, EXDEV);
  EXPECT_EQ(child.error().step, "pre-exec");
}

TEST(CommandPreExec, ThatDiesIsAnErrorOfSpawnToo) {
  const auto child = Command("/bin/true").pre_exec([]() noexcept -> int { ::_exit(9); }).spawn();
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().hint, "it ended before it could run: exit 9");
}

// A parent of the test's own, which tells the pid of its child. Gives the read end of both's output.
template <class Act>
UniqueFd output_of_parent(pid_t& parent, Act act) {
  auto pipe = Pipe::create();
  parent = ::fork();
  if (parent == 0) {
    ::dup2(pipe->write.get(), 1);
    act();
    ::_exit(99);
  }
  return std::move(pipe->read);
}

TEST(CommandParentDeath, ReachesTheChildWhenItsParentReallyDies) {
  const auto spawns = [] {
    const char* script =
        "trap 'echo told; kill -9 $!; exit' TERM; echo ready; while :; do sleep 1000 & wait $!; done";
    const auto child =
        Command("sh").args({"-c", script}).process_group().parent_death_signal(SIGTERM).spawn();
    if (child) ::pause();
  };
  pid_t parent = 0;
  StreamReader output(output_of_parent(parent, spawns), "stdout");
  std::array<char, 6> line{};
  ASSERT_TRUE(output.read_exact(line));
  EXPECT_EQ(std::string(line.data(), line.size()), "ready\n");
  ::kill(parent, SIGKILL);
  ASSERT_TRUE(output.read_exact(std::span(line).first(5)));
  EXPECT_EQ(std::string(line.data(), 5), "told\n");
  ::waitpid(parent, nullptr, 0);
}

// The kernel would never tell of it.
TEST(CommandParentDeath, BeforeTheSignalWasAskedForEndsTheChildToo) {
  PlanInput input;
  input.program = "/bin/true";
  input.arguments = {"true"};
  for (PlanInput::Stdio& stream : input.stdio) stream.kind = StdioKind::Inherit;
  input.parent_death_signal = SIGTERM;
  auto plan = encode_plan(input);
  ASSERT_TRUE(plan);
  const auto dies = [&plan] {
    const pid_t self = ::getpid();
    if (::fork() != 0) ::pause();
    ::kill(self, SIGKILL);
    while (::getppid() == self) ::sched_yield();
    ChildContext context;
    context.keeps_fds = true;
    context.parent_pid = self;
    const ChildReport report = take_child_steps(*plan, context);
    ::dprintf(1, "%s %d", child_step_name(static_cast<ChildStep>(report.step)), report.error);
    ::_exit(0);
  };
  pid_t parent = 0;
  StreamReader output(output_of_parent(parent, dies), "stdout");
  const auto text = output.read_all();
  ASSERT_TRUE(text);
  EXPECT_EQ(*text, "parent-death-signal " + std::to_string(ESRCH));
  ::waitpid(parent, nullptr, 0);
}

TEST(CommandErrors, SayStepObjectAndReason) {
  EXPECT_EQ(Command("/bin/true").cwd("/etc/passwd").spawn().error().text(),
            "working-directory: /etc/passwd: Not a directory");
  EXPECT_EQ(Command("/bin/true").standard_input(Stdio::read("/no/file")).status().error().text(),
            "stdio: /no/file: No such file or directory");
  EXPECT_EQ(Command("/bin/true").limit(RLIMIT_NOFILE, 10, ~0ULL).output().error().text(),
            "limits: number 7: Operation not permitted");
  EXPECT_EQ(Command(std::string("a\0b", 3)).spawn().error().object, "program");
}

TEST(CommandSpawn, LeavesTheSignalMaskOfTheCallerAsItWas) {
  sigset_t before, after;
  sigprocmask(SIG_BLOCK, nullptr, &before);
  ASSERT_TRUE(Command("/bin/true").status());
  ASSERT_FALSE(Command("/no/such/program").status());
  sigprocmask(SIG_BLOCK, nullptr, &after);
  for (int signal = 1; signal < 65; ++signal)
    EXPECT_EQ(sigismember(&before, signal), sigismember(&after, signal));
}

TEST(CommandSpawn, TouchesNoHeapAndNoLockBetweenForkAndExec) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer brings an allocator of its own";
#endif
  const auto run = [](const char* what) {
    return Command(INITD_TEST_SPAWNER).arg(what).env("LD_PRELOAD", INITD_TEST_NO_MALLOC).output(60s);
  };
  const auto quiet = run("quiet");
  ASSERT_TRUE(quiet) << quiet.error().text();
  EXPECT_EQ(quiet->status.text(), "exit 0") << quiet->standard_error;
  const auto loud = run("loud");
  EXPECT_NE(loud->standard_error.find("malloc in a child"), std::string::npos) << "the preload sees nothing";
}

// A sanitizer's process is big, and its children copy it.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kSpawns = 400;
#else
constexpr int kSpawns = 10000;
#endif

TEST(CommandSpawn, TenThousandTimesBesideAllocatingThreadsNeverHangs) {
  std::atomic<bool> done = false;
  std::vector<std::thread> allocating;
  for (int thread = 0; thread < 4; ++thread) {
    allocating.emplace_back([&done] {
      for (std::size_t size = 1; !done; size = size % 4096 + 1) std::vector<char>(size).at(0) = 'x';
    });
  }
  std::atomic<int> ended = 0;
  std::vector<std::thread> spawning;
  for (int thread = 0; thread < 2; ++thread) {
    spawning.emplace_back([&ended] {
      const Command command(INITD_TEST_NOTHING);
      for (int spawned = 0; spawned < kSpawns / 2; ++spawned)
        ended += command.status() == ExitStatus{ExitStatus::Kind::Exited, 0} ? 1 : 0;
    });
  }
  for (std::thread& thread : spawning) thread.join();
  done = true;
  for (std::thread& thread : allocating) thread.join();
  EXPECT_EQ(ended, kSpawns);
}

}  // namespace
}  // namespace init::process
