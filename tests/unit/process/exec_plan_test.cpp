#include "libinit/process/exec_plan.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <functional>

#include "tests/support/plan_walk.h"

namespace init::process {
namespace {

using testing::PlanWalk;

PlanInput small_input() {
  PlanInput input;
  input.program = "/bin/true";
  input.arguments = {"true"};
  return input;
}

TEST(ExecPlan, HoldsEverythingThatWasPutIn) {
  PlanInput input = small_input();
  input.arguments = {"true", "", "two words"};
  input.environment = {"PATH=/bin", "EMPTY="};
  input.working_directory = "/srv";
  input.root_directory = "/jail";
  input.umask = 077;
  input.uid = 33;
  input.gid = 34;
  input.groups = {{4, 24, 27}};
  input.nice = -5;
  input.oom_score_adjust = 200;
  input.limits[7] = LimitPlan{1024, 4096};
  input.stdio[1] = {StdioKind::Append, "/var/log/x", true, 0600, 0};
  input.stdio[2].kind = StdioKind::SameAsStdout;
  input.passed = {{2, 3}, {0, 4}};
  input.await_end = 5;
  input.no_new_privileges = true;
  input.scheduler = {3, 0};
  input.io_priority = 0x6001;
  input.cpus = {9, 0};
  input.parent_death_signal = 15;
  input.numa = PlanInput::Numa{3, 5};
  input.bounding = 0x401;
  input.ambient = 0x400;
  input.securebits = 1;
  const auto plan = encode_plan(input);
  ASSERT_TRUE(plan);
  ASSERT_TRUE(plan_is_well_formed(*plan));

  PlanWalk walk(*plan);
  const ExecPlanHeader& header = walk.header();
  EXPECT_EQ(header.size, plan->size());
  EXPECT_EQ(walk.read_string(header.program), "/bin/true");
  EXPECT_EQ(walk.read_vector(header.argv, header.argc), input.arguments);
  EXPECT_EQ(walk.read_vector(header.envp, header.envc), input.environment);
  EXPECT_EQ(walk.read_string(header.working_directory), "/srv");
  EXPECT_EQ(walk.read_string(header.root_directory), "/jail");
  EXPECT_EQ(header.umask, 077U);
  EXPECT_EQ(header.uid, 33U);
  EXPECT_EQ(header.gid, 34U);
  ASSERT_EQ(header.group_count, 3U);
  EXPECT_EQ(walk.entry<gid_t>(header.groups, 2), 27U);
  EXPECT_EQ(header.nice, -5);
  EXPECT_EQ(header.oom_score_adjust, 200);
  EXPECT_EQ(header.limit_mask, 1U << 7);
  EXPECT_EQ(header.limits[7].hard, 4096U);
  EXPECT_EQ(walk.read_string(header.stdio[1].path), "/var/log/x");
  EXPECT_EQ(header.stdio[1].mode, 0600U);
  EXPECT_EQ(header.stdio[1].before_identity, 1U);
  ASSERT_EQ(header.passed_count, 3U);
  EXPECT_EQ(walk.entry<PassedFdPlan>(header.passed, 0).index, 2U);
  EXPECT_EQ(walk.entry<PassedFdPlan>(header.passed, 2).index, 5U);
  EXPECT_EQ(walk.entry<PassedFdPlan>(header.passed, 2).target, kAwaitEnd);
  EXPECT_EQ(header.flags, kPlanNewSession | kPlanNoNewPrivileges | kPlanSetNice | kPlanSetOomScoreAdjust |
                              kPlanSetScheduler | kPlanSetIoPriority | kPlanSetSecurebits | kPlanSetBounding |
                              kPlanSetAmbient | kPlanSetNuma);
  EXPECT_EQ(header.scheduler, 3);
  EXPECT_EQ(header.io_priority, 0x6001);
  ASSERT_EQ(header.cpus_size, 2U);
  EXPECT_EQ(walk.entry<std::uint8_t>(header.cpus, 0), 1U);
  EXPECT_EQ(walk.entry<std::uint8_t>(header.cpus, 1), 2U);
  EXPECT_EQ(header.numa_policy, 3);
  EXPECT_EQ(header.numa_nodes, 5U);
  EXPECT_EQ(header.parent_death_signal, 15);
  EXPECT_EQ(header.bounding, 0x401U);
  EXPECT_EQ(header.ambient, 0x400U);
  EXPECT_EQ(header.securebits, 1U);
  EXPECT_EQ(walk.strays(), 0);
}

TEST(ExecPlan, LeavesAbsentThingsAtZeroAndIdentitiesAsTheyAre) {
  const auto plan = encode_plan(small_input());
  ASSERT_TRUE(plan);
  PlanWalk walk(*plan);
  const ExecPlanHeader& header = walk.header();
  EXPECT_EQ(header.working_directory, 0U);
  EXPECT_EQ(header.root_directory, 0U);
  EXPECT_EQ(header.search_path, 0U);
  EXPECT_EQ(header.cpus, 0U);
  EXPECT_EQ(header.uid, kKeepId);
  EXPECT_EQ(header.gid, kKeepId);
  EXPECT_EQ(header.group_count, kKeepId);
  EXPECT_EQ(header.limit_mask, 0U);
  EXPECT_EQ(header.listen_pid, 0U);
  EXPECT_EQ(header.watchdog_pid, 0U);
}

TEST(ExecPlan, TellsNoGroupsAtAllFromGroupsLeftAsTheyAre) {
  PlanInput input = small_input();
  input.groups.emplace();
  const auto plan = encode_plan(input);
  ASSERT_TRUE(plan);
  EXPECT_TRUE(plan_is_well_formed(*plan));
  EXPECT_EQ(PlanWalk(*plan).header().group_count, 0U);
}

TEST(ExecPlan, KeepsRoomForThePidInTheEnvironment) {
  PlanInput input = small_input();
  input.environment = {"LISTEN_FDS=1"};
  input.listen_pid = input.watchdog_pid = true;
  const auto plan = encode_plan(input);
  ASSERT_TRUE(plan);
  PlanWalk walk(*plan);
  const ExecPlanHeader& header = walk.header();
  EXPECT_EQ(header.envc, 3U);
  EXPECT_EQ(walk.entry<std::uint64_t>(header.envp, 1), header.listen_pid);
  EXPECT_EQ(walk.entry<std::uint64_t>(header.envp, 2), header.watchdog_pid);
  EXPECT_EQ(walk.read_string(header.listen_pid), "LISTEN_PID=           ");
  EXPECT_EQ(walk.read_string(header.watchdog_pid), "WATCHDOG_PID=           ");
  EXPECT_EQ(walk.strays(), 0);
}

TEST(ExecPlan, SearchesAPathOnlyForABareName) {
  PlanInput input = small_input();
  input.search_path = "/bin:/sbin";
  EXPECT_EQ(PlanWalk(*encode_plan(input)).header().search_path, 0U);
  input.program = "true";
  PlanWalk walk(*encode_plan(input));
  EXPECT_EQ(walk.read_string(walk.header().search_path), "/bin:/sbin");
}

struct Refusal {
  const char* member;
  int code;
  std::function<void(PlanInput&)> spoil;
};

TEST(ExecPlan, IsRefusedByTheNameOfTheMemberThatIsWrong) {
  const std::string nul("a\0b", 3);
  const Refusal refusals[] = {
      {"program", EINVAL, [](PlanInput& in) { in.program.clear(); }},
      {"program", EINVAL, [](PlanInput& in) { in.program = "true"; }},
      {"program", EINVAL, [&](PlanInput& in) { in.program = "/" + nul; }},
      {"arguments", EINVAL, [](PlanInput& in) { in.arguments.clear(); }},
      {"arguments", EINVAL, [&](PlanInput& in) { in.arguments.push_back(nul); }},
      {"arguments", E2BIG, [](PlanInput& in) { in.arguments.emplace_back(kPlanMaxBytes, 'x'); }},
      {"environment", EINVAL, [&](PlanInput& in) { in.environment = {"A=" + nul}; }},
      {"environment", EINVAL, [](PlanInput& in) { in.environment = {"A"}; }},
      {"environment", EINVAL, [](PlanInput& in) { in.environment = {"=A"}; }},
      {"environment", E2BIG, [](PlanInput& in) { in.environment.assign(kPlanMaxBytes / 8, "A="); }},
      {"working_directory", EINVAL, [&](PlanInput& in) { in.working_directory = nul; }},
      {"root_directory", EINVAL, [](PlanInput& in) { in.root_directory = "jail"; }},
      {"stdio[0]", EINVAL, [](PlanInput& in) { in.stdio[0].kind = StdioKind::SameAsStdout; }},
      {"stdio[1]", EINVAL, [](PlanInput& in) { in.stdio[1].kind = StdioKind::Append; }},
      {"stdio[1]", EINVAL, [](PlanInput& in) { in.stdio[1].path = "/x"; }},
      {"stdio[2]", EINVAL, [](PlanInput& in) { in.stdio[2].index = kMaxPassedFds; }},
      {"uid", EINVAL, [](PlanInput& in) { in.uid = uid_t{kKeepId}; }},
      {"gid", EINVAL, [](PlanInput& in) { in.gid = gid_t{kKeepId}; }},
      {"groups", EINVAL,
       [](PlanInput& in) {
         in.groups = {{1, gid_t{kKeepId}}};
       }},
      {"groups", E2BIG, [](PlanInput& in) { in.groups.emplace(kMaxGroups + 1); }},
      {"umask", EINVAL, [](PlanInput& in) { in.umask = 01000; }},
      {"nice", EINVAL, [](PlanInput& in) { in.nice = 20; }},
      {"nice", EINVAL, [](PlanInput& in) { in.nice = -21; }},
      {"oom_score_adjust", EINVAL, [](PlanInput& in) { in.oom_score_adjust = 1001; }},
      {"limits[15]", EINVAL,
       [](PlanInput& in) {
         in.limits[15] = LimitPlan{2, 1};
       }},
      {"controlling_tty", EINVAL, [](PlanInput& in) { in.controlling_tty = true, in.new_session = false; }},
      {"foreground", EINVAL, [](PlanInput& in) { in.foreground = true; }},
      {"process_group", EINVAL, [](PlanInput& in) { in.process_group = 0; }},
      {"process_group", EINVAL, [](PlanInput& in) { in.process_group = -1, in.new_session = false; }},
      {"cpus", EINVAL, [](PlanInput& in) { in.cpus = {kMaxCpus}; }},
      {"parent_death_signal", EINVAL, [](PlanInput& in) { in.parent_death_signal = 65; }},
      {"ambient", EINVAL, [](PlanInput& in) { in.bounding = 1, in.ambient = 2; }},
      {"search_path", EINVAL, [&](PlanInput& in) { in.search_path = nul; }},
      {"passed", E2BIG, [](PlanInput& in) { in.passed.resize(kMaxPassedFds + 1); }},
      {"passed", E2BIG, [](PlanInput& in) { in.passed.resize(kMaxPassedFds), in.await_end = 0; }},
      {"await_end", EINVAL, [](PlanInput& in) { in.await_end = kMaxPassedFds; }},
      {"passed[0]", EINVAL,
       [](PlanInput& in) {
         in.passed = {{0, 2}};
       }},
      {"passed[0]", EINVAL,
       [](PlanInput& in) {
         in.passed = {{0, kPassedFdEnd}};
       }},
      {"passed[0]", EINVAL,
       [](PlanInput& in) {
         in.passed = {{kMaxPassedFds, 3}};
       }},
      {"passed[1]", EINVAL,
       [](PlanInput& in) {
         in.passed = {{0, 3}, {1, 3}};
       }},
  };
  for (const Refusal& refusal : refusals) {
    PlanInput input = small_input();
    refusal.spoil(input);
    const auto plan = encode_plan(input);
    ASSERT_FALSE(plan) << refusal.member;
    EXPECT_EQ(plan.error().object, refusal.member);
    EXPECT_EQ(plan.error().code, refusal.code) << refusal.member;
  }
}

}  // namespace
}  // namespace init::process
