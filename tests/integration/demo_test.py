"""tools/demo shows what it promises, as root and as a plain user, and leaves the host as it was."""

import os
import re
import subprocess
import unittest

from machine import NOBODY, PROGRAMS, ROOT, all_pids, control_groups, name_of, read

MARK = f"INITD_DEMO_TEST={os.getpid()}"


def listening():
    """Local addresses of the host that something listens on."""
    lines = [line.split() for table in ("tcp", "tcp6") for line in read(f"/proc/net/{table}").splitlines()[1:]]
    return {line[1] for line in lines if line[3] == "0A"}


def mounts():
    return sorted(line.split(" ", 2)[2] for line in read("/proc/self/mountinfo").splitlines())


def marked():
    """Processes that have this test's mark in their environment, as all that the demo runs outside has."""
    return {(pid, name_of(pid)) for pid in all_pids() if MARK in read(f"/proc/{pid}/environ")}


def cgroups():
    return [path for path in control_groups() if re.fullmatch(r"initd-\d+", path.name)]


class DemoTest(unittest.TestCase):
    def run_demo(self, *identity):
        before = (mounts(), listening(), cgroups())
        done = subprocess.run([*identity, ROOT / "tools/demo"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", timeout=200,
                              env=os.environ | {"INITD_PROGRAMS": str(PROGRAMS), "INITD_DEMO_TEST": str(os.getpid())})  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual((mounts(), listening(), cgroups()), before)
        self.assertEqual(marked(), set())
        return done.stdout

    def check(self, text):
        for part in ("nginx.service", "Welcome to nginx", "crasher.service", "exit 3", "signal 9", "as before"):
            self.assertIn(part, text)
        self.assertNotIn("waited in vain", text)

    def test_as_root(self):
        self.check(self.run_demo())

    def test_as_a_plain_user(self):
        text = self.run_demo("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
        self.check(text)
        self.assertIn("runs without 'user'", text)


if __name__ == "__main__":
    unittest.main()
