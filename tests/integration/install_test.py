#!/usr/bin/env python3
"""What `cmake --install` lays down: every file in its place, an initd that boots from there, a library to build with.

INITD_BUILD names the build tree.
"""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from machine import DEADLINE, ROOT, wait_until

BUILD = pathlib.Path(os.environ.get("INITD_BUILD", ROOT / "build/release"))
UNIT = '[service]\ncommand = ["/bin/sleep", "infinity"]\n'
PROGRAM = """#include <cstdio>
#include "libinit/process/command.h"

using namespace init::process;

int main() {
  const auto output = Command("grep").args({"-c", "x"}).standard_input(Stdio::data("x\\nx\\ny\\nx\\n")).output();
  if (!output) return std::fprintf(stderr, "%s\\n", output.error().text().c_str()), 1;
  std::printf("%.1s %s\\n", output->standard_output.c_str(), output->status.text().c_str());
}
"""
PROJECT = """cmake_minimum_required(VERSION 3.25)
project(outside LANGUAGES CXX)
find_package(initd 0.1 REQUIRED)
add_executable(program program.cpp)
target_link_libraries(program PRIVATE initd::libinit)
"""


class InstallTest(unittest.TestCase):
    def setUp(self):
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="initd-install-"))
        self.addCleanup(shutil.rmtree, self.place)

    def install(self, *options, **environment):
        subprocess.run(["cmake", "--install", BUILD, *options], check=True, stdout=subprocess.DEVNULL,
                       env={**os.environ, **environment})  # fmt: skip

    def check_files(self, prefix):
        for program in ("sbin/initd", "bin/initctl", "lib/initd/initd-manager", "lib/initd/initd-logger"):
            self.assertTrue(os.access(prefix / program, os.X_OK), program)
        for page in ("man8/initd.8", "man1/initctl.1"):
            self.assertIn(".TH", (prefix / "share/man" / page).read_text())
        units = sorted(path.name for path in (prefix / "lib/initd/units").rglob("*") if path.is_file())
        self.assertEqual(units, sorted(path.name for path in (ROOT / "units").glob("*.toml")))
        headers = sorted(path.relative_to(prefix / "include") for path in (prefix / "include").rglob("*.h"))
        # The room sd_event needs a library of its own, which the package does not have.
        ours = [path.relative_to(ROOT) for path in (ROOT / "libinit").rglob("*.h") if path.parent.name != "sd_event"]
        self.assertEqual(headers, sorted(ours))

    def test_under_a_root_directory_of_a_package(self):
        self.install("--prefix", "/usr", DESTDIR=str(self.place))
        self.check_files(self.place / "usr")

    def test_an_installed_initd_finds_its_manager_and_boots(self):
        self.install("--prefix", self.place)
        self.check_files(self.place)
        units = self.place / "own"
        units.mkdir()
        (units / "a.service.toml").write_text(UNIT)
        (units / "default.target.toml").write_text('[unit]\nrequires = ["multi-user.target", "a.service"]\n')
        initctl = [self.place / "bin/initctl", "--runtime", self.place / "run"]
        initd = subprocess.Popen([self.place / "sbin/initd", "--units", units, "--units", self.place / "lib/initd/units",
                                  "--runtime", self.place / "run", "--state", self.place / "state",
                                  "--log-dir", self.place / "log"])  # fmt: skip
        try:
            wait_until("initd answers", lambda: subprocess.run([*initctl, "is-active", "a"]).returncode == 0)
            subprocess.run([*initctl, "is-active", "multi-user.target"], check=True)
        finally:
            initd.terminate()
            self.assertEqual(initd.wait(DEADLINE), 0)

    def source(self):
        """A folder with the program and a CMake project of it, and with the library installed under `there`."""
        self.install("--prefix", self.place / "there")
        (self.place / "program.cpp").write_text(PROGRAM)
        (self.place / "CMakeLists.txt").write_text(PROJECT)
        return self.place

    def check_program(self, program):
        self.assertEqual(subprocess.run([program], check=True, capture_output=True, text=True).stdout, "3 exit 0\n")

    def test_a_program_outside_is_built_with_pkg_config(self):
        place = self.source()
        words = subprocess.run(["pkg-config", "--cflags", "--libs", "libinit"], check=True, capture_output=True, text=True,
                               env={**os.environ, "PKG_CONFIG_PATH": str(place / "there/lib/pkgconfig")}).stdout  # fmt: skip
        subprocess.run(["g++", place / "program.cpp", "-o", place / "program", *words.split()], check=True)
        self.check_program(place / "program")

    def test_a_program_outside_is_built_with_cmake(self):
        place = self.source()
        subprocess.run(["cmake", "-S", place, "-B", place / "build", f"-DCMAKE_PREFIX_PATH={place}/there"], check=True,
                       stdout=subprocess.DEVNULL)  # fmt: skip
        subprocess.run(["cmake", "--build", place / "build"], check=True, stdout=subprocess.DEVNULL)
        self.check_program(place / "build/program")


if __name__ == "__main__":
    unittest.main()
