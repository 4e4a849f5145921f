#include "daemon/one_command/environment.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <vector>

namespace init::one_command {
namespace {

using Strings = std::vector<std::string>;

class EnvironmentTest : public testing::Test {
 protected:
  Strings make(const Strings& inherited, const char* home = "") {
    std::vector<const char*> variables;
    for (const std::string& text : inherited) variables.push_back(text.c_str());
    variables.push_back(nullptr);
    const Environment made = make_environment(variables.data(), home, changes_);
    search_path_ = made.search_path;
    Strings all;
    for (const char** at = made.variables; *at != nullptr; ++at) all.emplace_back(*at);
    munmap(made.variables, (inherited.size() + changes_.all().size()) * sizeof(char*));
    return all;
  }

  Changes changes_;
  std::string search_path_;
};

TEST_F(EnvironmentTest, IsHandedOn) {
  EXPECT_EQ(make({"A=1", "PATH=/bin", "odd", "B="}), (Strings{"A=1", "PATH=/bin", "odd", "B="}));
  EXPECT_EQ(make({}), Strings{});
  EXPECT_EQ(make(Strings(20000, "A=1")).size(), 20000U);
}

TEST_F(EnvironmentTest, IsChangedByOptions) {
  for (const char* change : {"A=new", "B", "C=more", "D"}) changes_.add(change);
  EXPECT_EQ(make({"A=1", "B=2", "AB=3", "INITD_OPTIONS=--group"}), (Strings{"AB=3", "A=new", "C=more"}));
}

TEST_F(EnvironmentTest, HasTheHomeOfTheIdentity) {
  EXPECT_EQ(make({"HOME=/root", "A=1"}, "HOME=/srv"), (Strings{"A=1", "HOME=/srv"}));
  EXPECT_EQ(make({"HOME=/root"}), Strings{"HOME=/root"});
}

TEST_F(EnvironmentTest, LetsAnOptionSayWhatHomeIs) {
  changes_.add("HOME=/mine");
  EXPECT_EQ(make({"HOME=/root"}, "HOME=/srv"), Strings{"HOME=/mine"});
}

TEST_F(EnvironmentTest, MakesTheCommandTheOneThatIsSocketActivated) {
  const std::string own = "LISTEN_PID=" + std::to_string(getpid());
  setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
  write_listen_pid(1234567);
  EXPECT_EQ(make({own, "LISTEN_FDS=1"}), (Strings{"LISTEN_FDS=1", "LISTEN_PID=1234567"}));
  changes_.add("LISTEN_PID=5");
  EXPECT_EQ(make({own}), Strings{"LISTEN_PID=5"});
  changes_ = {};
  setenv("LISTEN_PID", "1x", 1);
  EXPECT_EQ(make({"LISTEN_PID=1x"}), Strings{"LISTEN_PID=1x"});
  unsetenv("LISTEN_PID");
}

TEST_F(EnvironmentTest, SaysWhereACommandIsLookedFor) {
  make({"PATH=/x:/y"});
  EXPECT_EQ(search_path_, "/x:/y");
  changes_.add("PATH=/z");
  make({"PATH=/x:/y"});
  EXPECT_EQ(search_path_, "/z");
  changes_.add("PATH");
  make({"PATH=/x:/y", "PATH"});
  EXPECT_NE(search_path_.find("/usr/bin:"), std::string::npos);
}

}  // namespace
}  // namespace init::one_command
