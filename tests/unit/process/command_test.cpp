// What a Command makes of the program it starts: arguments, environment, places, identity, priorities.
#include "libinit/process/command.h"

#include <gtest/gtest.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/unit/process/child_runner.h"

namespace init::process {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): the helpers of these tests

class CommandTest : public ::testing::Test {
 protected:
  void SetUp() override { install_probe(folder_.path("probe")); }

  // The probe, which says on fd 1 what it was started with.
  [[nodiscard]] Command probe() const { return Command(folder_.path("probe")).args({"1", "0"}); }

  static State state_of(const Command& command) {
    const auto output = command.output();
    EXPECT_TRUE(output) << output.error().text();
    return output ? parse_state(output->standard_output) : State{};
  }

  static std::string shell(const Command& command) {
    const auto output = command.output();
    EXPECT_TRUE(output) << output.error().text();
    return output ? output->standard_output : "";
  }

  static Command sh(const std::string& script) { return Command("/bin/sh").args({"-c", script}); }

  Folder folder_;
};

TEST_F(CommandTest, HasTheDocumentedDefaults) {
  State state = state_of(probe());
  EXPECT_EQ(state["fd.0"], "rw /dev/null");
  EXPECT_EQ(state["cwd"], std::filesystem::current_path());
  EXPECT_EQ(state["session"], "inherited");
  EXPECT_EQ(state["process-group"], "inherited");
  EXPECT_EQ(state["no-new-privileges"], "0");
  EXPECT_EQ(state["nice"], std::to_string(::getpriority(PRIO_PROCESS, 0)));
  const mode_t mask = ::umask(0);
  ::umask(mask);
  EXPECT_EQ(std::stoul(state["umask"], nullptr, 8), mask);
  const std::string uid = std::to_string(::getuid());
  EXPECT_EQ(state["uid"], uid + " " + uid + " " + uid);
  std::string environment;
  for (const auto& [key, value] : state) {
    EXPECT_FALSE(key.starts_with("blocked.") || key.starts_with("disposition.")) << key;
    EXPECT_FALSE(key.starts_with("fd.") && key > "fd.2") << key << value;
  }
  EXPECT_NE(state["environment"].find(std::string("PATH=") + ::getenv("PATH")), std::string::npos);
}

TEST_F(CommandTest, PassesArgumentsByteForByte) {
  const std::string strange("\x80\xff \t'\"$(x)*");
  const Command command = probe().arg("").arg(strange).args({"two words", "-"}).argf("--port=%d", 80);
  State state = state_of(command.settings().plan.arguments.empty() ? probe() : command);
  EXPECT_EQ(state["argument.0"], folder_.path("probe"));
  EXPECT_EQ(state["argument.3"], "");
  EXPECT_EQ(state["argument.4"], strange);
  EXPECT_EQ(state["argument.5"], "two words");
  EXPECT_EQ(state["argument.6"], "-");
  EXPECT_EQ(state["argument.7"], "--port=80");
  EXPECT_EQ(state_of(probe().argv0("-login"))["argument.0"], "-login");
}

TEST_F(CommandTest, SetsAndRemovesVariablesOfTheEnvironment) {
  ::setenv("COMMAND_TEST", "mine", 1);
  EXPECT_EQ(shell(sh("echo $COMMAND_TEST")), "mine\n");
  EXPECT_EQ(shell(sh("echo $COMMAND_TEST").env("COMMAND_TEST", "a=b c")), "a=b c\n");
  EXPECT_EQ(shell(sh("echo ${COMMAND_TEST-none}").env_remove("COMMAND_TEST")), "none\n");
  ::unsetenv("COMMAND_TEST");
}

TEST_F(CommandTest, ClearsTheEnvironmentWhole) {
  EXPECT_EQ(state_of(probe().env_clear())["environment"], "");
  EXPECT_EQ(state_of(probe().env("A", "1").env_clear().envs({{"B", "2"}, {"C", ""}}))["environment"],
            "B=2\nC=");
}

TEST_F(CommandTest, TheLastWordOnAVariableWins) {
  std::ofstream(folder_.path("file")) << "A=file\nB=file\n";
  const Command from = probe().env_clear();
  EXPECT_EQ(state_of(Command(from).env("A", "1").env("A", "2"))["environment"], "A=2");
  EXPECT_EQ(state_of(Command(from).env("A", "1").env_file(folder_.path("file")))["environment"],
            "A=file\nB=file");
  EXPECT_EQ(state_of(Command(from).env_file(folder_.path("file")).env("A", "1"))["environment"],
            "A=1\nB=file");
  EXPECT_EQ(state_of(Command(from).env_file(folder_.path("file")).env_remove("A"))["environment"], "B=file");
  EXPECT_EQ(state_of(Command(from).env_remove("A").env("A", "1"))["environment"], "A=1");
  const auto missing = Command(from).env_file(folder_.path("missing")).spawn();
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().text(), "open: " + folder_.path("missing") + ": No such file or directory");
}

TEST_F(CommandTest, RefusesAVariableThatIsNone) {
  for (const char* name : {"", "A=B"}) EXPECT_EQ(probe().env(name, "x").spawn().error().code, EINVAL) << name;
  EXPECT_EQ(probe().env("A", std::string("a\0b", 3)).spawn().error().object, "environment");
}

TEST_F(CommandTest, StartsInItsWorkingDirectory) {
  EXPECT_EQ(state_of(probe().cwd(folder_.path()))["cwd"], folder_.path());
  const auto missing = probe().cwd(folder_.path("missing")).spawn();
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().text(),
            "working-directory: " + folder_.path("missing") + ": No such file or directory");
  EXPECT_EQ(state_of(probe().cwd_or_root(folder_.path("missing")))["cwd"], "/");
  EXPECT_EQ(state_of(probe().cwd_or_root(folder_.path()))["cwd"], folder_.path());
}

TEST_F(CommandTest, RunsAsAnotherUserByNumberOrName) {
  if (!is_root()) GTEST_SKIP() << "needs root";
  State state = state_of(probe().user("nobody"));
  EXPECT_EQ(state["uid"], "65534 65534 65534");
  EXPECT_EQ(state["gid"], "65534 65534 65534");
  EXPECT_EQ(state["groups"], "");
  state = state_of(probe().uid(12345).gid(23456).groups({"daemon", "77"}));
  EXPECT_EQ(state["uid"], "12345 12345 12345");
  EXPECT_EQ(state["gid"], "23456 23456 23456");
  EXPECT_EQ(state["groups"], "1 77");
  EXPECT_EQ(state_of(probe().user("nobody").group("daemon"))["gid"], "1 1 1");
}

TEST_F(CommandTest, AnUnknownNameIsAnErrorBeforeAnythingRuns) {
  auto error = probe().user("nosuchuser").spawn().error();
  EXPECT_EQ(error.code, ENOENT);
  EXPECT_EQ(error.step + " " + error.object, "user nosuchuser");
  error = probe().group("nosuchgroup").spawn().error();
  EXPECT_EQ(error.step + " " + error.object, "group nosuchgroup");
  error = probe().groups({"root", "0day"}).spawn().error();
  EXPECT_EQ(error.step + " " + error.object, "group 0day");
}

TEST_F(CommandTest, AChangeOfUserLeavesTheCallerItsMemory) {
  if (!is_root()) GTEST_SKIP() << "needs root";
  ASSERT_TRUE(Command("/bin/true").user("nobody").oom_score_adjust(500).status());
  struct stat own {};
  ASSERT_EQ(::stat("/proc/self/maps", &own), 0);
  EXPECT_EQ(own.st_uid, ::getuid()) << "the process is no longer dumpable";
  EXPECT_NE(read_file("/proc/self/oom_score_adj"), "500\n");
}

TEST_F(CommandTest, HasItsOwnUmaskPriorityAndScore) {
  State state = state_of(probe().umask(027).nice(7).oom_score_adjust(300).no_new_privileges());
  EXPECT_EQ(state["umask"], "027");
  EXPECT_EQ(state["nice"], "7");
  EXPECT_EQ(state["oom-score-adjust"], "300");
  EXPECT_EQ(state["no-new-privileges"], "1");
}

TEST_F(CommandTest, SetsEachOfTheSixteenLimits) {
  Command command = probe();
  State expected;
  for (int resource = 0; resource < 16; ++resource) {
    rlimit64 now{};
    ::getrlimit64(static_cast<__rlimit_resource>(resource), &now);
    // Lower than now, different for each, enough to run with.
    const std::uint64_t hard =
        std::min<std::uint64_t>(now.rlim_max, (1ULL << 33) + static_cast<unsigned>(resource));
    const std::uint64_t soft = std::min<std::uint64_t>(hard, (1ULL << 32) + static_cast<unsigned>(resource));
    command.limit(resource, soft, hard);
    expected["limit." + std::to_string(resource)] = std::to_string(soft) + " " + std::to_string(hard);
  }
  State state = state_of(command);
  for (const auto& [key, value] : expected) EXPECT_EQ(state[key], value) << key;
  EXPECT_EQ(probe().limit(16, 1, 1).spawn().error().text(), "limit: Invalid argument");
  EXPECT_EQ(probe().limit(-1, 1, 1).spawn().error().code, EINVAL);
}

TEST_F(CommandTest, RunsOnTheCpusItIsPinnedTo) {
  const auto allowed = [](const std::string& status) {
    const std::size_t at = status.find("Cpus_allowed_list:\t");
    return status.substr(at + 19, status.find('\n', at) - at - 19);
  };
  EXPECT_EQ(allowed(shell(Command("cat").arg("/proc/self/status").cpu_affinity({0}))), "0");
  EXPECT_EQ(probe().cpu_affinity({8191}).spawn().error().step, "cpus");
  EXPECT_EQ(probe().cpu_affinity({8192}).spawn().error().object, "cpus");
}

TEST_F(CommandTest, HasItsSchedulingPolicyAndIoPriority) {
  const std::string stat = shell(Command("cat").arg("/proc/self/stat").scheduler(SCHED_IDLE));
  std::vector<std::string> fields;
  for (std::size_t at = 0; at < stat.size();) {
    const std::size_t end = std::min(stat.find(' ', at), stat.size());
    fields.push_back(stat.substr(at, end - at));
    at = end + 1;
  }
  ASSERT_GT(fields.size(), 41U);
  EXPECT_EQ(fields[40], std::to_string(SCHED_IDLE));
  auto child = Command("/bin/sleep").arg("60").io_priority(IoClass::Idle).spawn();
  ASSERT_TRUE(child);
  const std::string ionice = shell(Command("ionice").args({"-p", child->pid().text()}));
  EXPECT_EQ(ionice.substr(0, 4), "idle");
  EXPECT_TRUE(child->kill());
  EXPECT_TRUE(child->wait());
  EXPECT_EQ(probe().scheduler(77).spawn().error().step, "scheduler");
  EXPECT_EQ(probe().io_priority(static_cast<IoClass>(7)).spawn().error().step, "io-priority");
}

std::string status_line(const std::string& status, const std::string& key) {
  const std::size_t at = status.find(key + ":\t") + key.size() + 2;
  return status.substr(at, status.find('\n', at) - at);
}

TEST_F(CommandTest, KeepsJustItsCapabilities) {
  if (!is_root()) GTEST_SKIP() << "needs root";
  constexpr std::uint64_t kBind = 1U << 10, kChown = 1U;
  std::string status = shell(Command("cat").arg("/proc/self/status").bounding_capabilities(kBind | kChown));
  EXPECT_EQ(status_line(status, "CapBnd"), "0000000000000401");
  EXPECT_EQ(status_line(status, "CapEff"), "0000000000000401");
  status = shell(Command("cat")
                     .arg("/proc/self/status")
                     .user("nobody")
                     .ambient_capabilities(kBind)
                     .bounding_capabilities(kBind | kChown)
                     .no_new_privileges());
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapAmb"})
    EXPECT_EQ(status_line(status, set), "0000000000000400") << set;
  status = shell(Command("cat").arg("/proc/self/status").user("nobody"));
  EXPECT_EQ(status_line(status, "CapEff"), "0000000000000000");
  status = shell(Command("cat").arg("/proc/self/status").securebits(1));  // NOROOT
  EXPECT_EQ(status_line(status, "CapEff"), "0000000000000000");
  EXPECT_EQ(probe().user("nobody").ambient_capabilities(1ULL << 63).spawn().error().step, "capabilities");
}

TEST_F(CommandTest, StandsInASessionOrAProcessGroupOfItsOwn) {
  State state = state_of(probe().new_session());
  EXPECT_EQ(state["session"], "own");
  state = state_of(probe().process_group());
  EXPECT_EQ(state["session"], "inherited");
  EXPECT_EQ(state["process-group"], "own");
  auto leader = Command("/bin/sleep").arg("60").process_group().spawn();
  ASSERT_TRUE(leader);
  auto member = Command("/bin/sleep").arg("60").process_group(leader->pid().raw()).spawn();
  ASSERT_TRUE(member) << member.error().text();
  EXPECT_EQ(::getpgid(member->pid().raw()), leader->pid().raw());
  EXPECT_TRUE(leader->signal_group(SIGTERM));
  EXPECT_EQ(member->wait()->value, SIGTERM);
  EXPECT_EQ(leader->wait()->value, SIGTERM);
  EXPECT_EQ(probe().new_session().process_group().spawn().error().object, "process_group");
}

TEST_F(CommandTest, StandsInItsRootDirectory) {
  if (!is_root()) GTEST_SKIP() << "needs root";
  EXPECT_EQ(
      state_of(
          Command("/probe").args({"1", "0"}).root(folder_.path()).standard_input(Stdio::inherit()))["cwd"],
      "/");
  EXPECT_EQ(probe().root("relative").spawn().error().object, "root_directory");
}

TEST_F(CommandTest, JoinsItsControlGroup) {
  // A directory with the file is all that a control group is here.
  std::ofstream(folder_.path("cgroup.procs")).flush();
  EXPECT_TRUE(probe().cgroup(folder_.path()).status());
  EXPECT_EQ(read_file(folder_.path("cgroup.procs")), "0");
  EXPECT_EQ(probe().cgroup("/nowhere").spawn().error().text(),
            "cgroup: /nowhere/cgroup.procs: No such file or directory");
}

TEST_F(CommandTest, DiesWithTheThreadThatSpawnedIt) {
  auto parent = sh("sleep 60 & wait").process_group().spawn();
  ASSERT_TRUE(parent);
  // The parent of the child with the signal: this thread lives, so it is only set.
  const std::string status = shell(Command("cat").arg("/proc/self/status").parent_death_signal(SIGTERM));
  EXPECT_FALSE(status.empty());
  EXPECT_TRUE(parent->signal_group(SIGKILL));
  EXPECT_TRUE(parent->wait());
  EXPECT_EQ(probe().parent_death_signal(65).spawn().error().object, "parent_death_signal");
}

TEST_F(CommandTest, FindsABareNameInThePathTheProgramGets) {
  ASSERT_EQ(::rename(folder_.path("probe").c_str(), folder_.path("some-probe").c_str()), 0);
  const Command command = Command("some-probe").args({"1", "0"});
  EXPECT_EQ(command.spawn().error().code, ENOENT);
  EXPECT_EQ(state_of(Command(command).env("PATH", "/nowhere:" + folder_.path()))["argument.0"], "some-probe");
  EXPECT_TRUE(Command("true").env_clear().status()) << "where there is no PATH, /bin is looked at";
}

}  // namespace
}  // namespace init::process
