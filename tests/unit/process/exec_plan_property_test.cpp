#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "libinit/process/exec_plan.h"
#include "tests/support/plan_walk.h"

namespace init::process {
namespace {

using testing::PlanWalk;
using Plan = std::vector<std::byte>;

rc::Gen<std::string> text() {
  return rc::gen::string<std::string>();
}

std::string without_nul(std::string text) {
  std::erase(text, '\0');
  return text;
}

std::vector<std::string> some_strings(const std::string& prefix) {
  auto strings = *rc::gen::container<std::vector<std::string>>(text());
  for (std::string& string : strings) string = prefix + without_nul(string);
  return strings;
}

PlanInput::Stdio some_stream() {
  PlanInput::Stdio stdio;
  stdio.kind =
      *rc::gen::element(StdioKind::Null, StdioKind::Inherit, StdioKind::Passed, StdioKind::Append,
                        StdioKind::Truncate, StdioKind::Read, StdioKind::Console, StdioKind::Terminal);
  const bool opens = stdio.kind == StdioKind::Append || stdio.kind == StdioKind::Truncate ||
                     stdio.kind == StdioKind::Read || stdio.kind == StdioKind::Terminal;
  if (opens) stdio.path = "/" + without_nul(*text());
  return stdio;
}

PlanInput some_input() {
  PlanInput input;
  input.program = "/" + without_nul(*text());
  input.arguments = some_strings("");
  input.arguments.insert(input.arguments.begin(), "name");
  input.environment = some_strings("A=");
  input.working_directory = without_nul(*text());
  if (*rc::gen::arbitrary<bool>()) input.root_directory = "/" + without_nul(*text());
  if (*rc::gen::arbitrary<bool>()) {
    input.groups = *rc::gen::container<std::vector<gid_t>>(rc::gen::inRange<gid_t>(0, kKeepId));
  }
  for (PlanInput::Stdio& stdio : input.stdio) stdio = some_stream();
  const auto passed = *rc::gen::inRange<std::uint32_t>(0, 5);
  for (std::uint32_t index = 0; index < passed; ++index) input.passed.push_back({index, 3 + index});
  if (*rc::gen::arbitrary<bool>()) input.await_end = passed;
  if (*rc::gen::arbitrary<bool>()) {
    input.cpus = *rc::gen::container<std::vector<std::uint32_t>>(rc::gen::inRange(0U, kMaxCpus));
    input.search_path = without_nul(*text());
  }
  input.listen_pid = *rc::gen::arbitrary<bool>();
  input.watchdog_pid = *rc::gen::arbitrary<bool>();
  return input;
}

Plan some_plan() {
  auto plan = encode_plan(some_input());
  RC_ASSERT(plan.has_value());
  return *std::move(plan);
}

bool refused_or_harmless(const Plan& plan) {
  return !plan_is_well_formed(plan) || PlanWalk(plan).strays() == 0;
}

RC_GTEST_PROP(ExecPlanProperty, IsWellFormedAndHarmlessAsEncoded, ()) {
  const Plan plan = some_plan();
  RC_ASSERT(plan_is_well_formed(plan));
  RC_ASSERT(PlanWalk(plan).strays() == 0);
}

RC_GTEST_PROP(ExecPlanProperty, IsRefusedWhenAnythingIsCutOffOrAdded, ()) {
  Plan plan = some_plan();
  plan.resize(*rc::gen::inRange<std::size_t>(0, plan.size()));
  RC_ASSERT(!plan_is_well_formed(plan));
  Plan longer = some_plan();
  longer.resize(longer.size() + *rc::gen::inRange<std::size_t>(1, 64));
  RC_ASSERT(!plan_is_well_formed(longer));
}

RC_GTEST_PROP(ExecPlanProperty, IsRefusedOrHarmlessWhenBytesAreChanged, ()) {
  Plan plan = some_plan();
  // The header and the tables behind it are where a changed byte hurts most.
  const std::size_t front = std::min<std::size_t>(plan.size(), sizeof(ExecPlanHeader) + 64);
  for (int changes = *rc::gen::inRange(1, 4); changes > 0; --changes) {
    const std::size_t end = *rc::gen::arbitrary<bool>() ? front : plan.size();
    plan[*rc::gen::inRange<std::size_t>(0, end)] = std::byte{*rc::gen::arbitrary<unsigned char>()};
    RC_ASSERT(refused_or_harmless(plan));
  }
}

TEST(ExecPlanProperty, EverySingleByteChangedToEveryValueIsRefusedOrHarmless) {
  PlanInput input;
  input.program = "/a";
  input.arguments = {"a", "b"};
  input.environment = {"A=b"};
  input.groups = {{1, 2, 3}};
  input.passed = {{0, 3}, {1, 4}};
  input.stdio[0].kind = StdioKind::Passed;
  input.stdio[1] = {StdioKind::Append, "/l", true, 0600, 0};
  input.cpus = {1, 8};
  input.listen_pid = input.watchdog_pid = true;
  Plan plan = *encode_plan(input);
  for (std::byte& byte : plan) {
    const std::byte before = byte;
    for (unsigned value = 0; value < 256; ++value) {
      byte = static_cast<std::byte>(value);
      ASSERT_TRUE(refused_or_harmless(plan)) << "byte " << &byte - plan.data() << " value " << value;
    }
    byte = before;
  }
}

// Words rather than bytes: sums of offset and size that wrap around.
TEST(ExecPlanProperty, EveryHeaderWordSetToAnExtremeIsRefusedOrHarmless) {
  PlanInput input;
  input.program = "/a";
  input.arguments = {"a"};
  input.groups = {{1, 2}};
  input.cpus = {1, 8};
  Plan plan = *encode_plan(input);
  const std::uint32_t size = static_cast<std::uint32_t>(plan.size());
  for (std::size_t at = 0; at < sizeof(ExecPlanHeader); at += 4) {
    const Plan before = plan;
    for (const std::uint32_t value :
         {0U, 1U, 4U, 8U, size - 8, size - 4, size - 1, size, size + 1, 0x1fffffffU, 0x20000000U, 0x40000000U,
          0x7fffffffU, 0x80000000U, 0xfffffffeU, 0xffffffffU}) {
      std::memcpy(plan.data() + at, &value, sizeof value);
      ASSERT_TRUE(refused_or_harmless(plan)) << "at " << at << " value " << value;
    }
    plan = before;
  }
}

// The child turns each of the two into pointers in place; shared, they would be turned twice.
TEST(ExecPlanProperty, ArgumentsAndEnvironmentMayNotShareATable) {
  PlanInput input;
  input.program = "/a";
  input.arguments = {"a=b"};
  input.environment = {"a=b"};
  Plan plan = *encode_plan(input);
  ExecPlanHeader header;
  std::memcpy(&header, plan.data(), sizeof header);
  header.envp = header.argv;
  std::memcpy(plan.data(), &header, sizeof header);
  EXPECT_FALSE(plan_is_well_formed(plan));
}

}  // namespace
}  // namespace init::process
