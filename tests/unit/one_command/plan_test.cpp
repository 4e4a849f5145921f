#include "daemon/one_command/plan.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "libinit/process/plan_view.h"

namespace init::one_command {
namespace {

using process::PlanView;

class PlanTest : public testing::Test {
 protected:
  ~PlanTest() override {
    if (!plan_.empty()) munmap(plan_.data(), plan_.size());
  }

  PlanView make(std::vector<std::string> command, std::vector<std::string> environment = {}) {
    const auto pointers = [](std::vector<std::string>& strings) {
      std::vector<char*> all;
      for (std::string& text : strings) all.push_back(text.data());
      return all;
    };
    std::vector<char*> words = pointers(command);
    std::vector<char*> variables = pointers(environment);
    variables.push_back(nullptr);
    plan_ = make_plan({.command = words,
                       .environment = variables.data(),
                       .options = options_,
                       .identity = identity_.get()});
    EXPECT_TRUE(process::plan_is_well_formed(plan_));
    return PlanView(plan_);
  }

  static std::vector<std::string> strings(const PlanView& plan, std::uint32_t table, std::uint32_t count) {
    std::vector<std::string> all;
    for (std::uint32_t i = 0; i < count; ++i)
      all.emplace_back(plan.string(plan.entry<std::uint64_t>(table, i)));
    return all;
  }
  static std::vector<std::string> variables(const PlanView& plan) {
    return strings(plan, plan.header().envp, plan.header().envc);
  }
  void add(const char* variable) { options_.variables[options_.variable_count++] = variable; }

  Options options_;
  std::unique_ptr<Identity> identity_;
  std::span<std::byte> plan_;
};

using Strings = std::vector<std::string>;

TEST_F(PlanTest, HoldsTheCommandByteForByte) {
  const PlanView plan = make({"/bin/a", "", "\xff\xfe", "b c"});
  EXPECT_STREQ(plan.string(plan.header().program), "/bin/a");
  EXPECT_EQ(strings(plan, plan.header().argv, plan.header().argc),
            (Strings{"/bin/a", "", "\xff\xfe", "b c"}));
  EXPECT_EQ(plan.header().uid, process::kKeepId);
  EXPECT_EQ(plan.header().group_count, process::kKeepId);
}

TEST_F(PlanTest, HandsTheEnvironmentOn) {
  EXPECT_EQ(variables(make({"a"}, {"A=1", "PATH=/bin", "odd", "B="})),
            (Strings{"A=1", "PATH=/bin", "odd", "B="}));
}

TEST_F(PlanTest, SetsAndRemovesVariables) {
  add("A=new");
  add("B");
  add("C=more");
  add("D");
  EXPECT_EQ(variables(make({"a"}, {"A=1", "B=2", "AB=3", "INITD_OPTIONS=--group"})),
            (Strings{"AB=3", "A=new", "C=more"}));
}

TEST_F(PlanTest, HasTheIdentityAndItsHome) {
  identity_ = std::make_unique<Identity>();
  identity_->uid = 33;
  identity_->gid = 34;
  identity_->groups[0] = 34;
  identity_->groups[1] = 6;
  identity_->group_count = 2;
  identity_->home = "/srv";
  const PlanView plan = make({"a"}, {"HOME=/root", "A=1"});
  EXPECT_EQ(variables(plan), (Strings{"A=1", "HOME=/srv"}));
  EXPECT_EQ(plan.header().uid, 33U);
  EXPECT_EQ(plan.header().gid, 34U);
  ASSERT_EQ(plan.header().group_count, 2U);
  EXPECT_EQ(plan.entry<gid_t>(plan.header().groups, 1), 6U);
}

TEST_F(PlanTest, LetsAnOptionSayWhatHomeIs) {
  identity_ = std::make_unique<Identity>();
  identity_->group_count = 0;
  identity_->home = "/srv";
  add("HOME=/mine");
  EXPECT_EQ(variables(make({"a"}, {"HOME=/root"})), Strings{"HOME=/mine"});
}

TEST_F(PlanTest, MakesTheCommandTheOneThatIsSocketActivated) {
  const std::string own = "LISTEN_PID=" + std::to_string(getpid());
  setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
  const PlanView plan = make({"a"}, {own, "LISTEN_FDS=1"});
  EXPECT_NE(plan.header().listen_pid, 0U);
  EXPECT_EQ(variables(plan), (Strings{"LISTEN_FDS=1", process::kListenPidSlot}));
  setenv("LISTEN_PID", "1x", 1);
  EXPECT_EQ(make({"a"}, {"LISTEN_PID=1x"}).header().listen_pid, 0U);
  unsetenv("LISTEN_PID");
}

TEST_F(PlanTest, LooksForACommandWhereThePathOfTheCommandSays) {
  EXPECT_EQ(make({"/bin/a"}, {"PATH=/x"}).header().search_path, 0U);
  PlanView plan = make({"a"}, {"PATH=/x:/y"});
  EXPECT_STREQ(plan.string(plan.header().search_path), "/x:/y");
  add("PATH=/z");
  plan = make({"a"}, {"PATH=/x:/y"});
  EXPECT_STREQ(plan.string(plan.header().search_path), "/z");
}

TEST_F(PlanTest, LooksInTheUsualPlacesWhereThereIsNoPath) {
  const PlanView plan = make({"a"});
  EXPECT_NE(std::string(plan.string(plan.header().search_path)).find("/usr/bin:"), std::string::npos);
}

TEST_F(PlanTest, TakesALargeCommand) {
  const Strings command(20000, std::string(100, 'x'));
  EXPECT_EQ(make(command).header().argc, 20000U);
}

}  // namespace
}  // namespace init::one_command
