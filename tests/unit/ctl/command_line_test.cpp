#include "ctl/command_line.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace init::ctl {
namespace {

Result<Invocation> parse(std::vector<const char*> words) {
  return parse_command_line(words);
}

TEST(CommandLine, TakesOptionsBeforeAndAfterTheVerb) {
  const auto parsed = parse({"--runtime", "/r", "start", "a", "--no-block", "--timeout=2min", "b", "--json"});
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->verb->name, "start");
  EXPECT_EQ(parsed->request.runtime, "/r");
  EXPECT_EQ(parsed->request.words, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(parsed->request.no_block && parsed->request.json && !parsed->request.quiet);
  EXPECT_EQ(parsed->request.timeout, std::chrono::minutes(2));
}

TEST(CommandLine, NoVerbAsksForTheSystem) {
  EXPECT_EQ(parse({})->verb->name, "status");
  EXPECT_EQ(parse({"--json"})->verb->name, "status");
}

TEST(CommandLine, TakesTheQuestionsThatEveryProgramAnswers) {
  EXPECT_EQ(parse({"--version"})->verb->name, "version");
  EXPECT_EQ(parse({"--help"})->verb->name, "help");
  EXPECT_TRUE(parse({"start", "--help"})->request.help);
}

TEST(CommandLine, TheRuntimeDirectoryComesFromTheEnvironmentToo) {
  setenv("INITD_RUNTIME", "/from/environment", 1);
  EXPECT_EQ(parse({"list"})->request.runtime, "/from/environment");
  EXPECT_EQ(parse({"list", "--runtime=/x"})->request.runtime, "/x");
  unsetenv("INITD_RUNTIME");
  EXPECT_EQ(parse({"list"})->request.runtime, "/run/initd");
}

TEST(CommandLine, ReadsWhatKillTakes) {
  const auto parsed = parse({"kill", "a", "--signal", "SIGHUP", "--whom=main"});
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->request.signal, 1);
  EXPECT_EQ(parsed->request.whom, api::Whom::Main);
}

TEST(CommandLine, RefusesWhatItDoesNotKnowAndSaysWhereToLook) {
  const auto refused = [](std::vector<const char*> words) {
    const auto parsed = parse(std::move(words));
    EXPECT_FALSE(parsed);
    return parsed ? std::string() : parsed.error().object;
  };
  EXPECT_EQ(refused({"stauts"}), "there is no verb \"stauts\"; did you mean \"status\"?");
  EXPECT_EQ(refused({"frobnicate"}), "there is no verb \"frobnicate\"");
  EXPECT_EQ(refused({"start"}), "usage: initctl start UNIT...");
  EXPECT_EQ(refused({"why", "a", "b"}), "usage: initctl why UNIT");
  for (const std::vector<const char*>& words : {std::vector<const char*>{"start", "a", "--signal=9"},
                                                {"list", "--no-block"},
                                                {"start", "a", "--timeout", "soon"},
                                                {"kill", "a", "--signal", "NOPE"},
                                                {"exit", "--exit-code=256"},
                                                {"list", "--color=loud"},
                                                {"list", "--runtime="}}) {
    EXPECT_NE(refused(words), "");
  }
}

TEST(CommandLine, EveryVerbHasHelpAndKnowsItsOptions) {
  for (const VerbInfo& verb : verbs()) {
    EXPECT_EQ(find_verb(verb.name), &verb) << verb.name;
    EXPECT_NE(general_help().find("\n  " + std::string(verb.name) + " "), std::string::npos) << verb.name;
    for (const OptionInfo& option : options()) {
      const std::string letter = option.letter.empty() ? "" : std::string(option.letter) + ", ";
      const bool shown =
          verb_help(verb).find("\n  " + letter + std::string(option.name)) != std::string::npos;
      EXPECT_EQ(shown, verb.takes(option.option)) << verb.name << option.name;
    }
    EXPECT_TRUE(parse({std::string(verb.name).c_str(), "--help"})) << verb.name;
  }
}

TEST(CommandLine, OptionsStandInTheOrderOfTheirEnumeration) {
  for (std::size_t i = 0; i < options().size(); ++i)
    EXPECT_EQ(static_cast<std::size_t>(options()[i].option), i);
}

}  // namespace
}  // namespace init::ctl
