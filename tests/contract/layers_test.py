"""Shows that the layer check finds what it is there to find: each rule is broken once in a tree of two or three files."""

import pathlib
import tempfile
import unittest

import layers


def findings(files):
    """What the check says of a tree that holds just these files: {path: text}."""
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            file = pathlib.Path(root, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        return layers.Tree(root).check()


class LayersTest(unittest.TestCase):
    def assert_found(self, files, part):
        found = findings(files)
        self.assertEqual(len(found), 1, found)
        self.assertIn(part, found[0])

    def test_a_tree_that_keeps_the_rules_has_no_findings(self):
        self.assertEqual(findings({
            "libinit/core/engine.cpp": '#include "libinit/unit/config.h"\n#include <vector>\n',
            "libinit/unit/config.h": '#include "libinit/base/time.h"\n',
            "libinit/base/time.h": "#include <chrono>\n",
        }), [])

    def test_a_room_may_not_look_up(self):
        self.assert_found({"libinit/base/time.h": '#include "libinit/unit/config.h"\n'},
                          "libinit/base/time.h:1: libinit/base may not see libinit/unit")

    def test_the_control_tool_may_not_see_the_engine(self):
        self.assert_found({"ctl/main.cpp": '\n#include "libinit/core/engine.h"\n'}, "ctl/main.cpp:2: ctl may not see libinit/core")

    def test_a_path_that_does_not_start_at_the_root_is_refused(self):
        self.assert_found({"libinit/base/time.cpp": '#include "time.h"\n'}, "no path from the root")

    def test_a_file_outside_all_rooms_is_found(self):
        self.assert_found({"libinit/helpers/x.h": "\n"}, "stands in no room")

    def test_cmake_may_not_grant_what_the_table_refuses(self):
        self.assert_found({"libinit/process/CMakeLists.txt": "initd_room(init_process SEES init_base init_unit)\n"},
                          "init_process may not see init_unit")

    def test_a_heavy_header_stays_in_its_room(self):
        self.assert_found({"libinit/core/x.cpp": "#include <vector>\n", "daemon/pid1/x.cpp": "#include <nlohmann/json.hpp>\n"},
                          "nlohmann/ may not be named in daemon/pid1")

    def test_a_heavy_header_stays_in_one_file(self):
        line = "#include <toml++/toml.h>\n"
        self.assert_found({"libinit/unit/a.cpp": line, "libinit/unit/b.cpp": line}, "named in 2 files of libinit/unit")

    def test_the_core_reaches_no_system_header_even_through_others(self):
        self.assert_found({
            "libinit/core/engine.h": '#include "libinit/base/unique_fd.h"\n',
            "libinit/base/unique_fd.h": "#include <unistd.h>\n",
        }, "<unistd.h> is reached from the core")

    def test_the_core_reads_no_clock(self):
        self.assert_found({"libinit/core/x.cpp": "auto now = std::chrono::steady_clock::now();\n"}, "told of time")

    def test_a_forbidden_word_in_a_comment_or_string_is_no_finding(self):
        self.assertEqual(findings({"libinit/base/x.cpp": '// no system( here\nauto s = "popen(";\n'}), [])

    def test_a_shell_is_forbidden(self):
        self.assert_found({"daemon/manager/app/x.cpp": 'int f() { return system("ls"); }\n'}, "no shell")

    def test_a_sleep_that_blocks_is_forbidden(self):
        for line in ("sleep(1);", "::sleep(1);", "return usleep(5);", "std::this_thread::sleep_for(5ms);"):
            self.assert_found({"tests/unit/x.cpp": line + "\n"}, "wait for an event")
        self.assertEqual(findings({"libinit/loop/x.cpp": "co_await loop.sleep(5ms);\nSleep sleep(Duration d);\n"}), [])

    def test_a_raw_system_call_stands_in_its_room(self):
        for line in ("long pid = syscall(39);", "auto n = SYS_getpid;", "auto n = __NR_getpid;", '__asm__ volatile("syscall");'):
            self.assert_found({"daemon/pid1/x.cpp": line + "\n"}, "raw system calls stand in libinit/sys")
            self.assertEqual(findings({"libinit/sys/x.cpp": line + "\n"}), [])

    def test_a_note_needs_an_owner(self):
        self.assert_found({"ctl/x.cpp": "// TODO: later\n"}, "without an owner")
        self.assertEqual(findings({"ctl/x.cpp": "// TODO(anna): later\n"}), [])

    def test_a_long_file_is_a_warning_only(self):
        with tempfile.TemporaryDirectory() as root:
            file = pathlib.Path(root, "ctl/x.cpp")
            file.parent.mkdir()
            file.write_text("\n" * 501, encoding="utf-8")
            tree = layers.Tree(root)
            self.assertEqual(tree.check(), [])
            self.assertEqual(len(tree.warnings), 1)


if __name__ == "__main__":
    unittest.main()
