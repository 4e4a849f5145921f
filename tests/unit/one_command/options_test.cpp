#include "daemon/one_command/options.h"

#include <gtest/gtest.h>

#include <csignal>
#include <string>
#include <vector>

namespace init::one_command {
namespace {

// The options of these words; gives "option: why" where one is refused.
std::string take(std::vector<std::string> words, Options& options) {
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  static std::vector<std::string> kept;  // options point into them
  kept = std::move(words);
  const Complaint complaint = take_options(argv, options);
  return complaint.option == nullptr ? ""
                                     : std::string(complaint.option) + ": " + complaint.why + complaint.needs;
}

std::string refusal(const std::string& word) {
  Options options;
  return take({word}, options);
}

TEST(OneCommandOptions, PassEverySignalAndEveryCodeAsItIsByDefault) {
  const Options options;
  for (std::size_t signal = 1; signal < kSignalCount; ++signal) EXPECT_EQ(options.passed_as[signal], signal);
  for (std::size_t code = 0; code < 256; ++code) EXPECT_EQ(options.ends_as[code], code);
}

TEST(OneCommandOptions, TakeAValueAsTheNextWordOrBehindAnEqualsSign) {
  Options options;
  EXPECT_EQ(take({"--directory", "/a", "--user=b:c", "--group", "--verbose"}, options), "");
  EXPECT_STREQ(options.directory, "/a");
  EXPECT_STREQ(options.user, "b:c");
  EXPECT_TRUE(options.group);
  EXPECT_TRUE(options.verbose);
  EXPECT_FALSE(options.session);
}

TEST(OneCommandOptions, RewriteAndDropSignalsByNameAndNumber) {
  Options options;
  EXPECT_EQ(
      take({"--signal", "TERM=QUIT", "--signal=SIGHUP=", "--signal=10=0", "--signal=RTMIN+3=15"}, options),
      "");
  EXPECT_EQ(options.passed_as[SIGTERM], SIGQUIT);
  EXPECT_EQ(options.passed_as[SIGHUP], 0);
  EXPECT_EQ(options.passed_as[SIGUSR1], 0);
  EXPECT_EQ(options.passed_as[static_cast<std::size_t>(SIGRTMIN + 3)], SIGTERM);
}

TEST(OneCommandOptions, RefuseSignalsThatDoNotExistOrNeverCome) {
  for (const char* word :
       {"TERM", "TERM=BAR", "FOO=TERM", "KILL=TERM", "STOP=", "CHLD=TERM", "=TERM", "0=TERM", "65=1"}) {
    EXPECT_NE(refusal(std::string("--signal=") + word), "") << word;
  }
}

TEST(OneCommandOptions, ReadTimes) {
  Options options;
  EXPECT_EQ(take({"--grace=250ms", "--kill-after=3", "--wait-all=2min"}, options), "");
  EXPECT_EQ(options.grace, std::chrono::milliseconds(250));
  EXPECT_EQ(options.kill_after, std::chrono::seconds(3));
  EXPECT_TRUE(options.wait_all);
  EXPECT_EQ(options.wait_limit, std::chrono::minutes(2));
  EXPECT_EQ(take({"--grace=1.5s"}, options), "");
  EXPECT_EQ(options.grace, std::chrono::milliseconds(1500));
  for (const char* word : {"", "s", "-1", "5x", "99999999999", "1s2"}) {
    EXPECT_NE(refusal(std::string("--grace=") + word), "") << word;
  }
}

TEST(OneCommandOptions, WaitAllNeedsNoTime) {
  Options options;
  EXPECT_EQ(take({"--wait-all", "--group"}, options), "");
  EXPECT_TRUE(options.wait_all);
  EXPECT_TRUE(options.group);
}

TEST(OneCommandOptions, MapExitCodes) {
  Options options;
  EXPECT_EQ(take({"--exit-code=143=0", "--exit-code", "0=9"}, options), "");
  EXPECT_EQ(options.ends_as[143], 0);
  EXPECT_EQ(options.ends_as[0], 9);
  for (const char* word : {"143", "256=0", "0=256", "=0", "1=", "a=b"}) {
    EXPECT_NE(refusal(std::string("--exit-code=") + word), "") << word;
  }
}

TEST(OneCommandOptions, KeepOneWordForEachVariable) {
  Options options;
  EXPECT_EQ(take({"--env", "A=1", "--env=B=", "--unset", "C", "--env", "A=2=3"}, options), "");
  ASSERT_EQ(options.changes.all().size(), 4U);  // the first one is about INITD_OPTIONS
  EXPECT_STREQ(options.changes.all()[1], "A=2=3");
  EXPECT_STREQ(options.changes.all()[2], "B=");
  EXPECT_STREQ(options.changes.all()[3], "C");
  EXPECT_NE(refusal("--env=A"), "");
  EXPECT_NE(refusal("--env==1"), "");
  EXPECT_NE(refusal("--unset=A=1"), "");
}

TEST(OneCommandOptions, SayWhenThereIsNoRoomForAVariable) {
  Options options;
  std::vector<std::string> words;
  for (std::size_t i = 0; i < kMaxVariables; ++i) words.push_back("--env=A" + std::to_string(i) + "=");
  EXPECT_EQ(take(words, options), "");
  words.push_back("--env=one-more=");  // moves the words that the options point to
  Options again;
  EXPECT_EQ(take(words, again).substr(0, 6), "--env:");
}

TEST(OneCommandOptions, SayWhatIsWrong) {
  EXPECT_EQ(refusal("--grup"), "--grup: no such option");
  EXPECT_EQ(refusal("run"), "run: no such option");
  EXPECT_EQ(refusal("-g"), "-g: no such option");
  EXPECT_EQ(refusal(""), ": no such option");
  EXPECT_EQ(refusal("--group=1"), "--group: takes no value");
  EXPECT_EQ(refusal("--directory"), "--directory: needs DIR");
  EXPECT_EQ(refusal("--user="), "--user: needs USER[:GROUP]");
}

}  // namespace
}  // namespace init::one_command
