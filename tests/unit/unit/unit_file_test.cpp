#include "libinit/unit/unit_file.h"

#include <gtest/gtest.h>

#include "tests/unit/unit/unit_text.h"

namespace init::unit {
namespace {

using namespace std::chrono_literals;

TEST(UnitFile, ThePlainExampleIsRead) {
  const Parsed parsed = parse(R"(
[unit]
description = "nginx web server"
wants = ["network-online.target"]
[service]
command = ["/usr/sbin/nginx", "-g", "daemon off;"]
pre-start = [["/usr/sbin/nginx", "-t"], { command = ["/bin/x"], ignore-failure = true, as-root = true }]
stop-schedule = ["QUIT", "5s", "KILL"]
restart = "always"
restart-limit = { burst = 5, interval = "10s", action = "reboot" }
success-exit = [3, "TERM"]
working-directory = { path = "/srv", may-miss = true }
stdout = "truncate:/var/log/x"
x-note = 5
[environment]
A = "1"
EMPTY = ""
[limits]
nofile = 65536
memlock = "64M"
core = { soft = 0, hard = "infinity" }
[directories]
runtime = "nginx"
state = ["a/b", { name = "c", mode = "0700" }]
[install]
wanted-by = ["multi-user.target"]
[x-vendor]
anything = [1]
)");
  ASSERT_TRUE(parsed.unit) << parsed.text();
  const Unit& unit = *parsed.unit;
  const ServiceConfig& service = unit.service;
  EXPECT_EQ(unit.description, "nginx web server");
  ASSERT_EQ(unit.dependencies.size(), 1U);
  EXPECT_EQ(unit.dependencies[0].where.line, 4U);
  EXPECT_EQ(unit.dependencies[0].where.column, 10U);
  EXPECT_EQ(service.command[0].argv, (std::vector<std::string>{"/usr/sbin/nginx", "-g", "daemon off;"}));
  ASSERT_EQ(service.pre_start.size(), 2U);
  EXPECT_TRUE(service.pre_start[1].ignore_failure && service.pre_start[1].as_root);
  EXPECT_EQ(service.stop_schedule, (std::vector<StopStep>{{3, 5s}, {9, kInfinity}}));
  EXPECT_EQ(service.restart_limit, (RestartLimit{5, 10s, FailureAction::Reboot}));
  EXPECT_EQ(service.success_exit, (ExitSet{{3}, {15}}));
  EXPECT_TRUE(service.working_directory_may_miss);
  EXPECT_EQ(service.standard_output, (Output{OutputKind::Truncate, "/var/log/x", false, 0640, {}, {}}));
  EXPECT_EQ(service.environment.size(), 2U);
  EXPECT_EQ(service.limits[7], (Limit{65536, 65536}));
  EXPECT_EQ(service.limits[4], (Limit{0, kUnlimited}));
  ASSERT_EQ(service.directories.size(), 3U);
  EXPECT_EQ(service.directories[2], (Directory{DirectoryKind::State, "c", 0700}));
}

TEST(UnitFile, ACommandIsOneStepUnlessItsItemsAreSteps) {
  EXPECT_EQ(
      parse("[service]\ntype = \"oneshot\"\ncommand = [[\"/a\"], [\"/b\"]]\n").unit->service.command.size(),
      2U);
  EXPECT_EQ(parse(kCommand + "pre-start = [\"/a\", \"b\"]\n").unit->service.pre_start.size(), 1U);
  EXPECT_EQ(
      parse("[service]\ncommand = { command = [\"/a\"], argv0 = \"-a\" }\n").unit->service.command[0].argv0,
      "-a");
}

TEST(UnitFile, AnOutputMayBeAFileThatInitdOpens) {
  const auto said = parse(kCommand +
                          "stdout = { file = \"/o\", mode = \"0600\", user = \"u\", group = \"7\" }\n"
                          "stderr = { truncate = \"/e\" }\n");
  ASSERT_TRUE(said.unit) << said.text();
  EXPECT_EQ(said.unit->service.standard_output, (Output{OutputKind::File, "/o", true, 0600, "u", "7"}));
  EXPECT_EQ(said.unit->service.standard_error, (Output{OutputKind::Truncate, "/e", true, 0640, "", ""}));
  for (const char* wrong : {"{ mode = \"0600\" }", "{ file = \"/o\", truncate = \"/o\" }", "{ file = \"o\" }",
                            "{ file = \"/o\", mode = \"rw\" }", "{ file = \"/o\", owner = \"u\" }"}) {
    EXPECT_FALSE(parse(kCommand + "stdout = " + wrong + "\n").unit) << wrong;
  }
}

TEST(UnitFile, AnOutputMayBeAnotherServicesInputWhichIsWantedThen) {
  const auto said = parse(kCommand + "stdout = \"unit:b.service\"\n");
  ASSERT_TRUE(said.unit) << said.text();
  EXPECT_EQ(said.unit->service.standard_output.kind, OutputKind::Unit);
  EXPECT_EQ(said.unit->service.standard_output.path, "b.service");
  ASSERT_EQ(said.unit->dependencies.size(), 1U);
  EXPECT_EQ(said.unit->dependencies[0].kind, DependencyKind::Wants);
  EXPECT_EQ(said.unit->dependencies[0].target, "b.service");
  EXPECT_EQ(said.unit->dependencies[0].where.line, 3U);
  for (const char* wrong : {"unit:a.service", "unit:b", "unit:b.target", "unit:", "unit"})
    EXPECT_FALSE(parse(kCommand + "stdout = \"" + wrong + "\"\n").unit) << wrong;
}

// Each of these texts, and exactly what an admin sees.
struct Golden {
  const char *text, *output;
};

class Diagnostics : public testing::TestWithParam<Golden> {};

TEST_P(Diagnostics, SayWhereWhatAndWhatToDo) {
  EXPECT_EQ(parse(GetParam().text).text(), GetParam().output);
}

constexpr Golden kGolden[] = {
    {"[unit]\ndescription = \"x\"\n[service]\ncomand = [\"/usr/sbin/nginx\"]\n",
     "/u/a.service.toml:4:1: error[E0103]: unknown key \"comand\" in [service]\n"
     "  4 | comand = [\"/usr/sbin/nginx\"]\n"
     "    | ^^^^^^ help: did you mean \"command\"?\n"},
    {"[service]\ncommand = [\"/x\"]\nafter = [\"a.service\"]\n",
     "/u/a.service.toml:3:1: error[E0103]: unknown key \"after\" in [service]\n"
     "  3 | after = [\"a.service\"]\n"
     "    | ^^^^^ help: \"after\" belongs in [unit]\n"},
    {"[service]\nExecStart = \"/x -y\"\n",
     "/u/a.service.toml:2:1: error[E0103]: unknown key \"ExecStart\" in [service]\n"
     "  2 | ExecStart = \"/x -y\"\n"
     "    | ^^^^^^^^^ help: here it is called \"command\"\n"},
    {"[unit]\ndepends-on = [\"b.service\"]\n[service]\ncommand = \"/x -y\"\n",
     "/u/a.service.toml:2:1: error[E0103]: unknown key \"depends-on\" in [unit]\n"
     "  2 | depends-on = [\"b.service\"]\n"
     "    | ^^^^^^^^^^ help: here it is called \"requires\"\n"
     "/u/a.service.toml:4:11: error[E0104]: \"command\" takes an array of strings, not a string\n"
     "  4 | command = \"/x -y\"\n"
     "    |           ^^^^^^^ help: write [\"/x\", \"-y\"]\n"},
    {"[service]\ncommand = [\"/x\"]\nrestart = \"allways\"\nstart-timeout = 90\nstop-timeout = \"90\"\n",
     "/u/a.service.toml:3:11: error[E0105]: \"restart\": \"allways\" is not known\n"
     "  3 | restart = \"allways\"\n"
     "    |           ^^^^^^^^^ help: did you mean \"always\"?\n"
     "/u/a.service.toml:4:17: error[E0104]: \"start-timeout\" takes a duration with its unit, not an "
     "integer\n"
     "  4 | start-timeout = 90\n"
     "    |                 ^^ help: for seconds write \"90s\"\n"
     "/u/a.service.toml:5:16: error[E0105]: \"stop-timeout\": \"90\" is not a duration\n"
     "  5 | stop-timeout = \"90\"\n"
     "    |                ^^^^ help: durations look like \"5s\", \"1min 30s\", \"infinity\"\n"},
    {"[unit]\nwants = [\"nginx\"]\n[service]\ncommand = [\"/x\"]\n",
     "/u/a.service.toml:2:10: error[E0105]: \"wants\": \"nginx\" is not a unit name\n"
     "  2 | wants = [\"nginx\"]\n"
     "    |          ^^^^^^^ help: did you mean \"nginx.service\"?\n"},
    {"[unit]\ndescription = \"x\"\n",
     "/u/a.service.toml: error[E0106]: the service has no command\n"
     "  help: write command = [\"/path/of/program\", \"argument\"] in [service]\n"},
    {"[service]\ncommand = [[\"/x\"], [\"/y\"]]\n",
     "/u/a.service.toml:2:1: error[E0107]: more than one command\n"
     "  2 | command = [[\"/x\"], [\"/y\"]]\n"
     "    | ^^^^^^^ help: only a oneshot may have several\n"},
    {"[socket]\nx = 1\n[servce]\n",
     "/u/a.service.toml:1:2: error[E0108]: [socket] is not supported yet\n"
     "  1 | [socket]\n"
     "    |  ^^^^^^\n"
     "/u/a.service.toml:3:2: error[E0102]: unknown table \"servce\"\n"
     "  3 | [servce]\n"
     "    |  ^^^^^^ help: did you mean [service]?\n"},
    {"[service]\ncommand = [\"-/bin/x\"]\ntype = \"simple\"\n",
     "/u/a.service.toml:2:12: error[E0105]: \"command\": \"-/bin/x\" begins with a prefix\n"
     "  2 | command = [\"-/bin/x\"]\n"
     "    |            ^^^^^^^^^ help: write { command = [..], ignore-failure = true } or as-root = true\n"
     "/u/a.service.toml:3:8: error[E0105]: \"type\": \"simple\" is not known\n"
     "  3 | type = \"simple\"\n"
     "    |        ^^^^^^^^ help: write \"exec\"\n"},
    {"[service]\ncommand = [\"/x\"]\nready-fd = 5\nfd-store-max = 3\n",
     "/u/a.service.toml:3:1: error[E0107]: ready-fd is a number of the descriptors that fd-store-max gives "
     "back\n"
     "  3 | ready-fd = 5\n"
     "    | ^^^^^^^^ help: they begin at 3: choose 6 or above\n"},
    {"[unit]\nafter = [\"a.service\"]\n",
     "/u/a.service.toml:2:10: error[E0107]: the unit after itself\n"
     "  2 | after = [\"a.service\"]\n"
     "    |          ^^^^^^^^^^^\n"},
    {"command = [\"/x\"]\n",
     "/u/a.service.toml:1:1: error[E0103]: unknown key \"command\" at the top of the file\n"
     "  1 | command = [\"/x\"]\n"
     "    | ^^^^^^^ help: \"command\" belongs in [service]\n"},
};

INSTANTIATE_TEST_SUITE_P(Golden, Diagnostics, testing::ValuesIn(kGolden));

TEST(UnitFile, ATargetOnlyGroups) {
  EXPECT_TRUE(parse("[unit]\ndescription = \"x\"\n", "a.target").unit);
  EXPECT_TRUE(parse("# nothing\n", "a.target").unit);
  EXPECT_FALSE(parse(kCommand, "a.target").unit);
}

TEST(UnitFile, OneSyntaxErrorIsReportedWithItsPlace) {
  const Parsed parsed = parse("[service]\ncommand = [\"/x\"\n[unit]\n");
  EXPECT_FALSE(parsed.unit);
  ASSERT_EQ(parsed.diagnostics.size(), 1U);
  EXPECT_EQ(parsed.diagnostics[0].code, "E0002");
  EXPECT_GE(parsed.diagnostics[0].line, 2U);
}

TEST(UnitFile, AThousandErrorsAreCutShort) {
  std::string text = "[unit]\n";
  for (int i = 0; i < 1000; ++i) text += "key" + std::to_string(i) + " = 1\n";
  EXPECT_EQ(parse(text).diagnostics.size(), 100U);
}

TEST(Rendering, NothingOfAFileReachesTheTerminalAsItIs) {
  Diagnostic hostile;
  hostile.code = "E0103";
  hostile.path = "/u/\x1b[2J";
  hostile.line = hostile.column = 1;
  hostile.message = "unknown key \"\x1b]52;c;x\x07\xc2\x9b\xe2\x80\xae\"";
  hostile.source_line = "\tx\x1b\r\x08\xff = 1";
  hostile.help = "a\nb";
  hostile.notes = {{"/n\x1b", 2, 3, "m\x7f"}};
  const std::string out = render(hostile, false);
  for (const char c : out) EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20 || c == '\n') << out;
  EXPECT_EQ(out,
            "/u/?[2J:1:1: error[E0103]: unknown key \"?]52;c;x???\"\n"
            "  1 |  x???? = 1\n"
            "    | ^ help: a?b\n"
            "  /n?:2:3: m?\n");
}

TEST(Rendering, OfALongLineThePartAroundTheCaretIsShown) {
  Diagnostic diagnostic;
  diagnostic.code = "E0105";
  diagnostic.path = "/u";
  diagnostic.line = 7;
  diagnostic.column = 1001;
  diagnostic.length = 5000;
  diagnostic.message = "m";
  diagnostic.source_line = std::string(2000, 'x');
  diagnostic.source_line[1000] = 'Y';
  const std::string out = render(diagnostic, false);
  const std::size_t line = out.find('\n') + 1, caret_line = out.find('\n', line) + 1;
  EXPECT_EQ(out[line + (out.find('^') - caret_line)], 'Y') << out;
  EXPECT_LT(out.size(), 400U);
}

TEST(Rendering, ColourAddsNothingButColour) {
  const Parsed parsed = parse("[servce]\n");
  std::string coloured = render(parsed.diagnostics[0], true);
  for (std::size_t at = coloured.find('\x1b'); at != std::string::npos; at = coloured.find('\x1b')) {
    coloured.erase(at, coloured.find('m', at) - at + 1);
  }
  EXPECT_EQ(coloured, render(parsed.diagnostics[0], false));
}

}  // namespace
}  // namespace init::unit
