#include "libinit/unit/verify.h"

#include <filesystem>

#include "tests/unit/unit/folder.h"
#include "tests/unit/unit/unit_text.h"

namespace init::unit {
namespace {

class Verifying : public InFolder {
 protected:
  void SetUp() override {
    InFolder::SetUp();
    write("/etc/passwd", "root:x:0:0::/root:/bin/sh\nwww-data:x:33:33::/var/www:/bin/sh\n");
    write("/etc/group", "root:x:0:\nwww-data:x:33:\n");
    write("/bin/true", "#!");
    std::filesystem::permissions(root_ + "/bin/true", std::filesystem::perms(0755));
    write("/bin/data", "x");
  }

  // The diagnostics as they are printed, with paths relative to the folder of the test.
  std::string verified(const std::vector<std::string>& names, std::uint32_t* files = nullptr) {
    std::vector<std::string> paths;
    for (const std::string& name : names) paths.push_back(root_ + name);
    const Verification result = verify_files(paths, {root_});
    if (files != nullptr) *files = result.files;
    std::string out;
    for (const Diagnostic& diagnostic : result.diagnostics) out += render(diagnostic, false);
    for (std::size_t at = out.find(root_); at != std::string::npos; at = out.find(root_))
      out.erase(at, root_.size());
    return out;
  }
};

TEST_F(Verifying, GoodUnitsAreClean) {
  write("/u/a.service.toml",
        "[unit]\nafter = [\"maybe.service\"]\nrequires = [\"b.service\", \"virtual.service\"]\n" + kCommand +
            "user = \"33\"\ngroup = \"www-data\"\nreload = [[\"$X\"], [\"true\"]]\n");
  write("/u/b.service.toml", "[unit]\nprovides = [\"virtual.service\"]\n" + kCommand);
  std::uint32_t files = 0;
  EXPECT_EQ(verified({"/u/"}, &files), "");
  EXPECT_EQ(files, 2U);
}

TEST_F(Verifying, WhatReadsAnOutputIsAServiceWithoutAnInputOfItsOwn) {
  write("/u/a.service.toml", kCommand + "stdout = \"unit:b.service\"\nstderr = \"unit:c.service\"\n");
  write("/u/b.service.toml", kCommand + "stdin = \"data:x\"\n");
  write("/u/c.service.toml", kCommand);
  EXPECT_EQ(verified({"/u/"}),
            "/u/a.service.toml:3:10: error[E0211]: b.service, which reads this, has a stdin of its own\n"
            "  3 | stdout = \"unit:b.service\"\n"
            "    |          ^^^^^^^^^^^^^^^^\n");
  write("/u/b.service.toml", kCommand + "stdout = \"unit:a.service\"\n");
  EXPECT_NE(verified({"/u/"}).find("E0210"), std::string::npos) << "a cycle";
}

TEST_F(Verifying, ProgramsAndAccountsAreLookedFor) {
  write("/u/a.service.toml",
        "[service]\n"
        "command = [\"/bin/nothing\", \"x\"]\n"
        "pre-start = [[\"/bin/data\"], { ignore-failure = true, command = [\"nowhere\"] }]\n"
        "user = \"wwwdata\"\n"
        "extra-groups = [\"root\", \"nogroup-here\"]\n");
  EXPECT_EQ(verified({"/u/a.service.toml"}),
            "/u/a.service.toml:2:12: error[E0203]: \"/bin/nothing\" does not exist\n"
            "  2 | command = [\"/bin/nothing\", \"x\"]\n"
            "    |            ^^^^^^^^^^^^^^\n"
            "/u/a.service.toml:3:15: error[E0203]: \"/bin/data\" is not an executable file\n"
            "  3 | pre-start = [[\"/bin/data\"], { ignore-failure = true, command = [\"nowhere\"] }]\n"
            "    |               ^^^^^^^^^^^\n"
            "/u/a.service.toml:3:65: error[E0203]: \"nowhere\" does not exist\n"
            "  3 | pre-start = [[\"/bin/data\"], { ignore-failure = true, command = [\"nowhere\"] }]\n"
            "    |                                                                 ^^^^^^^^^\n"
            "/u/a.service.toml:4:8: error[E0204]: no user \"wwwdata\"\n"
            "  4 | user = \"wwwdata\"\n"
            "    |        ^^^^^^^^^ help: did you mean \"www-data\"?\n"
            "/u/a.service.toml:5:25: error[E0204]: no group \"nogroup-here\"\n"
            "  5 | extra-groups = [\"root\", \"nogroup-here\"]\n"
            "    |                         ^^^^^^^^^^^^^^\n");
}

TEST_F(Verifying, DirectoriesAreLookedForInTheRootOfTheService) {
  write("/jail/var/x", "");
  write("/u/a.service.toml", kCommand + "working-directory = \"/nowhere\"\n");
  write("/u/b.service.toml", kCommand + "working-directory = { path = \"/nowhere\", may-miss = true }\n");
  write("/u/c.service.toml",
        "[service]\ncommand = [\"$X\"]\nroot-directory = \"/jail\"\nworking-directory = \"/var\"\n");
  write("/u/d.service.toml", "[service]\ncommand = [\"$X\"]\nroot-directory = \"/jail/var/x\"\n");
  write("/u/e.service.toml",
        "[service]\ncommand = [\"$X\"]\nroot-directory = \"/jail\"\nworking-directory = \"/etc\"\n");
  EXPECT_EQ(verified({"/u"}),
            "/u/a.service.toml:3:21: warning[W0205]: \"/nowhere\" does not exist\n"
            "  3 | working-directory = \"/nowhere\"\n"
            "    |                     ^^^^^^^^^^\n"
            "/u/d.service.toml:3:18: warning[W0205]: \"/jail/var/x\" is not a directory\n"
            "  3 | root-directory = \"/jail/var/x\"\n"
            "    |                  ^^^^^^^^^^^^^\n"
            "/u/e.service.toml:4:21: warning[W0205]: \"/jail/etc\" does not exist\n"
            "  4 | working-directory = \"/etc\"\n"
            "    |                     ^^^^^^\n");
}

TEST_F(Verifying, EnvironmentFilesAreRead) {
  write("/etc/good", "A=1\n");
  write("/etc/bad", std::string("A=\0", 3));
  write("/u/a.service.toml", kCommand + "environment-files = [\"/etc/good\", \"/etc/none\", \"/etc/bad\"]\n" +
                                 "optional-environment-files = [\"/etc/none\", \"/etc/bad\"]\n");
  EXPECT_EQ(verified({"/u"}),
            "/u/a.service.toml:3:35: warning[W0206]: \"/etc/none\" does not exist\n"
            "  3 | environment-files = [\"/etc/good\", \"/etc/none\", \"/etc/bad\"]\n"
            "    |                                   ^^^^^^^^^^^\n"
            "/u/a.service.toml:3:48: warning[W0206]: \"/etc/bad\" is not a text file\n"
            "  3 | environment-files = [\"/etc/good\", \"/etc/none\", \"/etc/bad\"]\n"
            "    |                                                ^^^^^^^^^^\n"
            "/u/a.service.toml:4:44: warning[W0206]: \"/etc/bad\" is not a text file\n"
            "  4 | optional-environment-files = [\"/etc/none\", \"/etc/bad\"]\n"
            "    |                                            ^^^^^^^^^^\n");
}

TEST_F(Verifying, WhatInstallNamesAndWhoMayOperateIsLookedFor) {
  write("/u/t.target.toml", "#\n");
  write("/u/a.service.toml",
        "[unit]\noperators = [\"www-data\", \"nobody-here\"]\n" + kCommand +
            "[install]\nwanted-by = [\"t.target\", \"u.target\"]\nalias = [\"x.service\"]\n");
  EXPECT_EQ(verified({"/u"}),
            "/u/a.service.toml:2:26: warning[W0208]: no user \"nobody-here\"\n"
            "  2 | operators = [\"www-data\", \"nobody-here\"]\n"
            "    |                          ^^^^^^^^^^^^^\n"
            "/u/a.service.toml:6:26: warning[W0207]: a.service wanted-by u.target, which does not exist\n"
            "  6 | wanted-by = [\"t.target\", \"u.target\"]\n"
            "    |                          ^^^^^^^^^^\n");
}

TEST_F(Verifying, ReferencesToNothingAreErrorsOrWarnings) {
  write("/u/a.service.toml",
        "[unit]\nrequires = [\"webb.service\", \"off.service\"]\nwants = [\"bad.service\"]\n" + kCommand);
  write("/u/web.service.toml", kCommand);
  write("/u/off.service.toml", "");
  write("/u/bad.service.toml", "[service]\n");
  link("../gone.service.toml", "/u/t.target.wants/gone.service.toml");
  write("/u/t.target.toml", "#\n");
  std::uint32_t files = 0;
  EXPECT_EQ(verified({"/u"}, &files),
            "/u/bad.service.toml:1:2: error[E0106]: the service has no command\n"
            "  1 | [service]\n"
            "    |  ^^^^^^^ help: write command = [\"/path/of/program\", \"argument\"] in [service]\n"
            "/u/a.service.toml:2:13: error[E0201]: a.service requires webb.service, which does not exist\n"
            "  2 | requires = [\"webb.service\", \"off.service\"]\n"
            "    |             ^^^^^^^^^^^^^^ help: did you mean \"web.service\"?\n"
            "/u/a.service.toml:2:29: error[E0201]: a.service requires off.service, which is masked\n"
            "  2 | requires = [\"webb.service\", \"off.service\"]\n"
            "    |                             ^^^^^^^^^^^^^\n"
            "/u/a.service.toml:3:10: warning[W0202]: a.service wants bad.service, whose file has errors\n"
            "  3 | wants = [\"bad.service\"]\n"
            "    |          ^^^^^^^^^^^^^\n"
            "/u/t.target.wants: warning[W0202]: t.target wants gone.service, which does not exist\n");
}

TEST_F(Verifying, ACycleIsShownWholeWithThePlaceOfEveryEdge) {
  write("/u/a.service.toml", "[unit]\ndescription = \"a\"\nrequires = [\"b.service\"]\n" + kCommand);
  write("/u/b.service.toml", "[unit]\ndescription = \"b\"\nafter = [\"c.service\"]\n" + kCommand);
  write("/u/c.service.toml", "[unit]\nafter = [\"a.service\"]\n" + kCommand);
  const std::string expected =
      "/u/a.service.toml:3:13: error[E0210]: dependency cycle: a.service → b.service → c.service → "
      "a.service\n"
      "  3 | requires = [\"b.service\"]\n"
      "    |             ^^^^^^^^^^^ help: take one of these out\n"
      "  /u/a.service.toml:3:13: a.service requires b.service\n"
      "  /u/b.service.toml:3:10: b.service after c.service\n"
      "  /u/c.service.toml:2:10: c.service after a.service\n";
  EXPECT_EQ(verified({"/u"}), expected);
  EXPECT_EQ(verified({"/u/c.service.toml"}), expected) << "a file on the loop is concerned";
}

TEST_F(Verifying, ALongLoopIsCutInTheMessageButNotInTheNotes) {
  constexpr int kCount = 10'000;
  LoadedSet set;
  for (int i = 0; i < kCount; ++i) {
    Unit& unit = set.units.emplace_back();
    unit.id = "u" + std::to_string(i) + ".target";
    unit.kind = Kind::Target;
    unit.files = {"/u/" + unit.id + ".toml"};
    unit.dependencies = {
        {DependencyKind::Wants, "u" + std::to_string((i + 1) % kCount) + ".target", {0, 10, 2}, false}};
  }
  const auto found = verify(set, {});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].notes.size(), static_cast<std::size_t>(kCount));
  EXPECT_LT(found[0].message.size(), 400U);
  EXPECT_TRUE(found[0].message.ends_with("... \u2192 " +
                                         found[0].message.substr(18, found[0].message.find(' ', 18) - 18)));
}

TEST_F(Verifying, OnlyWhatWasNamedIsReported) {
  write("/u/a.service.toml", kCommand);
  write("/u/b.service.toml", "[service]\n");
  write("/v/a.service.toml", "[service]\nx = 1\n");
  write("/etc/initd/units/sys.service.toml", "[service]\n");
  EXPECT_EQ(verified({"/u/a.service.toml"}), "");
  EXPECT_NE(verified({"/u/a.service.toml", "/v"}), "") << "a name that is there twice is still looked at";
  EXPECT_EQ(verified({"/u/none.service.toml", "/bin/data"}),
            "/u/none.service.toml: error[E0001]: no such file or folder\n"
            "/bin/data: error[E0001]: this is not a unit file\n"
            "  help: unit files are called NAME.KIND.toml, as in web.service.toml\n");
}

}  // namespace
}  // namespace init::unit
