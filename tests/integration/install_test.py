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

from machine import ROOT, wait_until

BUILD = pathlib.Path(os.environ.get("INITD_BUILD", ROOT / "build/release"))
UNIT = '[service]\ncommand = ["/bin/sleep", "infinity"]\n'
PROGRAM = '#include "libinit/api/client.h"\nint main() { return init::api::Client::connect("/nowhere/control") ? 1 : 0; }\n'


class InstallTest(unittest.TestCase):
    def setUp(self):
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="initd-install-"))
        self.addCleanup(shutil.rmtree, self.place)

    def install(self, *options, **environment):
        subprocess.run(["cmake", "--install", BUILD, *options], check=True, stdout=subprocess.DEVNULL,
                       env={**os.environ, **environment})  # fmt: skip

    def check_files(self, prefix):
        for program in ("sbin/initd", "bin/initctl", "lib/initd/initd-manager"):
            self.assertTrue(os.access(prefix / program, os.X_OK), program)
        units = sorted(path.name for path in (prefix / "lib/initd/units").rglob("*") if path.is_file())
        self.assertEqual(units, sorted(path.name for path in (ROOT / "units").glob("*.toml")))
        headers = sorted(path.relative_to(prefix / "include") for path in (prefix / "include").rglob("*.h"))
        self.assertEqual(headers, sorted(path.relative_to(ROOT) for path in (ROOT / "libinit").rglob("*.h")))

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
            self.assertEqual(initd.wait(30), 0)

    def test_the_installed_library_can_be_built_with(self):
        self.install("--prefix", self.place)
        (self.place / "program.cpp").write_text(PROGRAM)
        subprocess.run(["g++", "-std=c++20", "-I", self.place / "include", "-o", self.place / "program",
                        self.place / "program.cpp", "-L", self.place / "lib", "-linit_api", "-linit_base"],
                       check=True)  # fmt: skip
        subprocess.run([self.place / "program"], check=True)


if __name__ == "__main__":
    unittest.main()
