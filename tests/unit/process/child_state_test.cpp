// Golden tests: the state in which a program starts is what its plan says, whatever its parent was like.
#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "tests/unit/process/child_runner.h"

namespace init::process {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): the helpers of these tests

std::string link_of(int fd) {
  std::array<char, 256> target{};
  const ssize_t length =
      ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), target.data(), target.size());
  return {target.data(), length > 0 ? static_cast<std::size_t>(length) : 0};
}

std::string inode_of(const char* path) {
  struct stat status {};
  ::stat(path, &status);
  return std::to_string(status.st_ino);
}

class ChildStateTest : public ::testing::Test {
 protected:
  void SetUp() override { install_probe(folder_.path("probe")); }

  // The probe, writing its state into the first passed fd; everything else as a plan has it by itself.
  [[nodiscard]] PlanInput probe_input() const {
    PlanInput input;
    input.program = folder_.path("probe");
    input.arguments = {"probe", "1", "7"};
    input.stdio[1] = {StdioKind::Passed, {}, false, 0640, 0};
    input.stdio[2].kind = StdioKind::SameAsStdout;
    input.working_directory = "/";
    return input;
  }

  State run(const PlanInput& input, const RunOptions& options = {}) {
    result_ = run_child(input, options);
    EXPECT_EQ(result_.end(), "running");
    EXPECT_EQ(result_.status, W_EXITCODE(7, 0));
    State state = parse_state(result_.output);
    EXPECT_EQ(state["pid"], std::to_string(result_.pid));
    state.erase("pid");
    return state;
  }

  // What the probe says when the plan is probe_input() and this process is not spoiled.
  [[nodiscard]] static State plain_state() {
    State state{{"umask", "022"},          {"cwd", "/"},
                {"root", inode_of("/")},   {"session", "own"},
                {"terminal", "none"},      {"process-group", "own"},
                {"argument.0", "probe"},   {"argument.1", "1"},
                {"argument.2", "7"},       {"fd.0", "rw /dev/null"},
                {"no-new-privileges", "0"}};
    state["nice"] = std::to_string(::getpriority(PRIO_PROCESS, 0));
    state["uid"] = three(::getuid());
    state["gid"] = three(::getgid());
    std::array<gid_t, 256> groups{};
    const int count = ::getgroups(groups.size(), groups.data());
    for (int index = 0; index < count; ++index) {
      state["groups"] += (index > 0 ? " " : "") + std::to_string(groups[static_cast<std::size_t>(index)]);
    }
    if (count == 0) state["groups"] = "";
    for (std::size_t resource = 0; resource < kLimitCount; ++resource)
      set_limit(state, resource, limit_of(resource));
    const std::string score = read_file("/proc/self/oom_score_adj");
    state["oom-score-adjust"] = score.substr(0, score.size() - 1);
    return state;
  }

  static std::string three(unsigned id) {
    const std::string text = std::to_string(id);
    return text + " " + text + " " + text;
  }

  static LimitPlan limit_of(std::size_t resource) {
    rlimit64 limit{};
    ::getrlimit64(static_cast<__rlimit_resource>(resource), &limit);
    return {limit.rlim_cur, limit.rlim_max};
  }

  static void set_limit(State& state, std::size_t resource, LimitPlan limit) {
    state["limit." + std::to_string(resource)] =
        std::to_string(limit.soft) + " " + std::to_string(limit.hard);
  }

  // Pipes have new numbers every time: only that both are the same pipe, open for writing, is looked at.
  static void expect_output_pipe(State& state) {
    EXPECT_TRUE(state["fd.1"].starts_with("w pipe:[")) << state["fd.1"];
    EXPECT_EQ(state["fd.2"], state["fd.1"]);
    state.erase("fd.1");
    state.erase("fd.2");
  }

  Folder folder_;
  RunResult result_;
};

// Everything a parent can leave behind by accident.
void make_dirty() {
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  for (int signal = 1; signal <= 64; ++signal) {
    if (signal != SIGCHLD) ::signal(signal, SIG_IGN);  // ignored, it would take the child's status away
  }
  ::signal(SIGUSR2, [](int) {});
  for (const int fd : {17, 77, 900}) ::dup3(2, fd, 0);
  ::umask(0123);
  ::setenv("JUNK", "from the parent", 1);
  ::setpgid(0, 0);
  if (::chdir("/tmp") != 0) ::_exit(98);
}

TEST_F(ChildStateTest, OwesNothingToADirtyParent) {
  RunOptions options;
  options.spoil_parent = make_dirty;
  State state = run(probe_input(), options);
  expect_output_pipe(state);
  EXPECT_EQ(state, plain_state());
}

TEST_F(ChildStateTest, OwesNothingToADirtyParentWhoseTableItShared) {
  RunOptions options;
  options.spoil_parent = [] {
    make_dirty();
    ::dup3(2, 1500, 0);
  };
  options.shares_table = true;
  State state = run(probe_input(), options);
  expect_output_pipe(state);
  EXPECT_EQ(state, plain_state());
}

TEST_F(ChildStateTest, IsAllThatThePlanSays) {
  if (!is_root()) GTEST_SKIP() << "needs root";
  PlanInput input = probe_input();
  input.environment = {"A=1", "B=two words", "EMPTY="};
  input.working_directory = folder_.path();
  input.umask = 0027;
  input.uid = 1234;
  input.gid = 2345;
  input.groups = {{7, 8, 9}};
  input.nice = 3;
  input.oom_score_adjust = 123;
  input.no_new_privileges = true;
  State wanted = plain_state();
  for (std::size_t resource = 0; resource < kLimitCount; ++resource) {
    const std::uint64_t hard =
        std::min<std::uint64_t>(limit_of(resource).hard, (std::uint64_t{1} << 33) + resource);
    const bool is_priority = resource == RLIMIT_NICE || resource == RLIMIT_RTPRIO;
    input.limits[resource] = LimitPlan{is_priority ? 0 : hard - hard / 8, hard};
    set_limit(wanted, resource, *input.limits[resource]);
  }
  RunOptions options;
  options.spoil_parent = make_dirty;
  State state = run(input, options);
  expect_output_pipe(state);

  wanted["environment"] = "A=1\nB=two words\nEMPTY=";
  wanted["cwd"] = folder_.path();
  wanted["umask"] = "027";
  wanted["uid"] = three(1234);
  wanted["gid"] = three(2345);
  wanted["groups"] = "7 8 9";
  wanted["nice"] = "3";
  wanted["oom-score-adjust"] = "123";
  wanted["no-new-privileges"] = "1";
  EXPECT_EQ(state, wanted);
}

TEST_F(ChildStateTest, LosesAllGroupsWhenThePlanNamesNone) {
  if (!is_root()) GTEST_SKIP() << "needs root";
  PlanInput input = probe_input();
  input.groups.emplace();
  RunOptions options;
  options.spoil_parent = [] {
    const std::array<gid_t, 2> groups{5, 6};
    ::setgroups(groups.size(), groups.data());
  };
  EXPECT_EQ(run(input, options)["groups"], "");
}

TEST_F(ChildStateTest, KeepsTheSessionWhenThePlanWantsNoNewOne) {
  PlanInput input = probe_input();
  input.new_session = false;
  State state = run(input);
  EXPECT_EQ(state["session"], "inherited");
  EXPECT_EQ(state["process-group"], "inherited");
}

// A pseudo terminal of its own, for a parent that leads a session on it.
struct Terminal {
  UniqueFd master{::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)};
  UniqueFd slave;

  Terminal() {
    ::grantpt(master.get());
    ::unlockpt(master.get());
    slave.reset(::open(::ptsname(master.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
  }
};

TEST_F(ChildStateTest, LeavesTheTerminalOfItsParent) {
  const Terminal terminal;
  ASSERT_TRUE(terminal.slave.valid());
  PlanInput input = probe_input();
  RunOptions options;
  options.spoil_parent = [&] {
    ::setsid();
    if (::ioctl(terminal.slave.get(), TIOCSCTTY, 0) != 0) ::_exit(98);
  };
  EXPECT_EQ(run(input, options)["terminal"], "none");
  input.new_session = false;
  EXPECT_EQ(run(input, options)["terminal"], "yes");
}

TEST_F(ChildStateTest, TakesItsStdinAsControllingTerminal) {
  const Terminal terminal;
  ASSERT_TRUE(terminal.slave.valid());
  PlanInput input = probe_input();
  input.stdio[0] = {StdioKind::Passed, {}, false, 0640, 0};
  input.stdio[1].index = 1;
  input.controlling_tty = true;
  RunOptions options;
  options.passed = {terminal.slave.get()};
  State state = run(input, options);
  EXPECT_EQ(state["terminal"], "yes");
  EXPECT_EQ(state["fd.0"], "rw " + link_of(terminal.slave.get()));
}

TEST_F(ChildStateTest, StandsInItsRootDirectoryAndFindsTheProgramThere) {
  if (!is_root()) GTEST_SKIP() << "needs root";
  PlanInput input = probe_input();
  input.program = "/probe";
  input.root_directory = folder_.path();
  input.working_directory.clear();
  State state = run(input);
  EXPECT_EQ(state["root"], inode_of(folder_.path().c_str()));
  EXPECT_EQ(state["cwd"], "/");
}

TEST_F(ChildStateTest, FindsABareNameByThePlansOwnPathPastWhatCannotRun) {
  PlanInput input = probe_input();
  ASSERT_EQ(::mkdir(folder_.path("a").c_str(), 0755), 0);
  ASSERT_EQ(::mkdir(folder_.path("a/probe").c_str(), 0755), 0);  // EACCES
  input.program = "probe";
  input.search_path = "/nowhere::" + folder_.path("probe") + ":" + folder_.path("a") + ":" + folder_.path();
  input.environment = {"PATH=/elsewhere"};
  EXPECT_EQ(run(input)["environment"], input.environment[0]);
}

TEST_F(ChildStateTest, WritesItsPidLeftAlignedIntoItsEnvironment) {
  PlanInput input = probe_input();
  input.environment = {"LISTEN_FDS=1"};
  input.listen_pid = input.watchdog_pid = true;
  State state = run(input);
  const std::string pid = std::to_string(result_.pid);
  EXPECT_EQ(state["environment"], "LISTEN_FDS=1\nLISTEN_PID=" + pid + "\nWATCHDOG_PID=" + pid);
}

TEST_F(ChildStateTest, ReportsNothingButTheExecThatComesNext) {
  run(probe_input());
  ASSERT_EQ(result_.reports.size(), 1U);
  EXPECT_EQ(result_.reports[0].step, static_cast<std::uint32_t>(ChildStep::Exec));
  EXPECT_EQ(result_.reports[0].error, 0);
}

TEST_F(ChildStateTest, JoinsItsCgroupByItselfWhenTold) {
  const UniqueFd procs(::open(folder_.path("cgroup.procs").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  RunOptions options;
  options.cgroup_procs_fd = procs.get();
  run(probe_input(), options);
  EXPECT_EQ(read_file(folder_.path("cgroup.procs")), "0");
}

}  // namespace
}  // namespace init::process
