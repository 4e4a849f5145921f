#include "ctl/telinit.h"

#include <gtest/gtest.h>

#include <string>

namespace init::ctl {
namespace {

std::string meaning(const char* program, const std::vector<const char*>& words) {
  const auto meant = from_telinit(program, words);
  std::string text;
  for (const char* word : meant.value_or(std::vector<const char*>{"(initctl)"}))
    text += std::string(word) + " ";
  return text;
}

TEST(Telinit, MeansWhatPackagesAndPeopleExpect) {
  EXPECT_EQ(meaning("/sbin/telinit", {"u"}), "upgrade ");
  EXPECT_EQ(meaning("telinit", {"U"}), "upgrade ");
  EXPECT_EQ(meaning("telinit", {"-t", "5", "--no-wall", "0"}), "poweroff ");
  EXPECT_EQ(meaning("telinit", {"6"}), "reboot ");
  EXPECT_EQ(meaning("telinit", {"q"}), "daemon-reload ");
  EXPECT_EQ(meaning("telinit", {}), "help ");
  EXPECT_EQ(meaning("telinit", {"3"}), "3 ");
  EXPECT_EQ(meaning("telinit", {"-t"}), "help ");
}

TEST(Telinit, IsAMatterOfTheNameAlone) {
  EXPECT_EQ(meaning("initctl", {"u"}), "(initctl) ");
  EXPECT_EQ(meaning("/usr/bin/telinit.old", {"u"}), "(initctl) ");
}

}  // namespace
}  // namespace init::ctl
