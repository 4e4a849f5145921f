"""initctl upgrade and reexec: PID 1, manager and logger are replaced, and no service, line, caller or wish notices.

INITD_RENEWALS is the number of upgrades under load (default 20).
"""

import os
import shutil
import subprocess
import threading
import unittest

from machine import PROGRAMS, Machine, read, wait_until

RENEWALS = int(os.environ.get("INITD_RENEWALS", "20"))
SERVICE = '[service]\ncommand = ["sleep", "1d"]\n'
TALK = """[service]
command = ["/bin/sh", "-c", "i=0; while :; do i=$$((i+1)); echo line $$i; [ $$((i % 200)) -ne 0 ] || sleep 0.01; done"]
[log]
size = "256M"
compress = false
"""
ALL = ("initd", "initd-manager", "initd-logger")


def inode_of(pid):
    """Of the program that a process runs."""
    status = os.stat(f"/proc/{pid}/exe")
    return status.st_dev, status.st_ino


class Boots(unittest.TestCase):
    def replace(self, machine, names=ALL):
        """New files under the old names, as a package manager does it."""
        for name in names:
            shutil.copy(PROGRAMS / name, machine.programs / f"{name}.new")
            os.rename(machine.programs / f"{name}.new", machine.programs / name)

    def program(self, machine, name, script):
        path = machine.programs / f"{name}.new"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        os.rename(path, machine.programs / name)


class UpgradeTest(Boots):
    def test_all_programs_come_from_disk_and_the_services_go_on(self):
        with Machine({"a.service": SERVICE, "b.service": SERVICE}, copies=True) as machine:
            machine.initctl("start", "a")
            before = machine.main_pid("a")
            initd, manager, logger = inode_of(machine.pid), machine.manager(), machine.logger()
            self.replace(machine)
            told = machine.initctl("upgrade")
            self.assertRegex(told.stdout, r"^initd \S+ runs\n$")
            self.assertNotEqual(inode_of(machine.pid), initd)
            wait_until("the logger is the next one", lambda: machine.logger() not in (0, logger))
            self.assertEqual(inode_of(machine.manager()), inode_of_file(machine.programs / "initd-manager"))
            self.assertEqual(inode_of(machine.logger()), inode_of_file(machine.programs / "initd-logger"))
            self.assertNotEqual(machine.manager(), manager)
            self.assertEqual(machine.main_pid("a"), before)
            self.assertEqual(machine.status("b")["state"], "inactive")
            machine.initctl("stop", "a")
            machine.initctl("start", "b")
            wait_until("it is stored", lambda: "runs anew" in machine.initctl("logs", "--raw", "initd").stdout)
            self.assertEqual(machine.poweroff(), 0)

    def test_what_cannot_take_over_is_refused_and_nothing_has_changed(self):
        with Machine({"a.service": SERVICE}, copies=True) as machine:
            machine.initctl("start", "a")
            manager, initd = machine.manager(), inode_of(machine.pid)
            for name, script, why in (("initd", "echo facts 999 channel 2", "cannot take over"), ("initd", "exit 1", "does not tell its layout"),
                                      ("initd", "echo nonsense", "does not tell its layout"),
                                      ("initd-manager", "echo facts 999 channel 1", "another version")):  # fmt: skip
                self.program(machine, name, script)
                told = machine.initctl("upgrade", check=False)
                self.assertEqual(told.returncode, 1)
                self.assertIn(why, told.stderr)
                self.replace(machine)
            os.unlink(machine.programs / "initd-logger")
            self.assertIn("initd-logger: No such file", machine.initctl("upgrade", check=False).stderr)
            self.assertEqual((machine.manager(), inode_of(machine.pid)), (manager, initd))

    def test_a_script_that_tells_the_right_layout_does_not_become_pid_1(self):
        with Machine({"a.service": SERVICE}, copies=True) as machine:
            machine.initctl("start", "a")
            before = machine.main_pid("a")
            layout = subprocess.run([machine.programs / "initd", "--layout"], capture_output=True, text=True, check=True).stdout.strip()
            script = machine.programs / "initd.new"
            script.write_text(f"#!/bin/sh\necho {layout}\n")
            script.chmod(0o755)
            os.rename(script, machine.programs / "initd")
            told = machine.initctl("upgrade", check=False)
            self.assertEqual(told.returncode, 1)
            self.assertIn("Exec format error", told.stderr)
            self.assertEqual(machine.main_pid("a"), before)

    def test_reexec_runs_the_same_programs_anew_without_any_on_disk(self):
        with Machine({"a.service": SERVICE}, copies=True) as machine:
            machine.initctl("start", "a")
            before, manager = machine.main_pid("a"), machine.manager()
            for name in ("initd", "initd-manager"):
                os.unlink(machine.programs / name)
            machine.initctl("reexec")
            self.assertNotEqual(machine.manager(), manager)
            machine.initctl("reexec")
            self.assertEqual(machine.main_pid("a"), before)
            self.assertNotIn("restarts", [key for key, value in machine.status("a").items() if value and key == "restarts"])

    def test_under_load_nothing_is_lost(self):
        """One service writes numbered lines, others are restarted by callers all the time, one crashes; meanwhile upgrades."""
        crashing = '[service]\ncommand = ["/bin/sh", "-c", "echo >>{}/runs; sleep 0.2; exit 3"]\nrestart = "always"\nrestart-delay = "10ms"\nrestart-delay-max = "10ms"\n'
        units = {"talk.service": TALK, "still.service": SERVICE, "bounced.service": SERVICE}
        with Machine(units, copies=True) as machine:
            machine.write_unit("crashing.service", crashing.format(machine.place))
            machine.initctl("daemon-reload")
            machine.initctl("start", *units, "crashing")
            pids = {unit: machine.main_pid(unit) for unit in ("talk", "still")}
            stop, answers = threading.Event(), []

            def call():
                while not stop.is_set():
                    answers.append(machine.initctl("restart", "bounced", check=False))

            caller = threading.Thread(target=call)
            caller.start()
            try:
                upgrades = 0
                while upgrades < RENEWALS or len(answers) <= RENEWALS // 4:
                    self.replace(machine)
                    machine.initctl("upgrade")
                    upgrades += 1
            finally:
                stop.set()
                caller.join()
            self.assertEqual([answer.stderr for answer in answers if answer.returncode != 0], [])
            self.assertEqual({unit: machine.main_pid(unit) for unit in pids}, pids)
            restarts = machine.status("crashing")["restarts"]
            wait_until("the crashing one is restarted once more", lambda: machine.status("crashing")["restarts"] > restarts)
            machine.initctl("stop", "talk", "crashing")
            runs, restarts = len(read(machine.place / "runs")), machine.status("crashing")["restarts"]
            self.assertIn(runs - restarts, (0, 1), f"{runs} runs, {restarts} restarts")
            lines = machine.log("talk.service").splitlines()
            self.assertGreater(len(lines), 100)
            self.assertEqual(lines, [f"line {i + 1}" for i in range(len(lines))])


def inode_of_file(path):
    status = os.stat(path)
    return status.st_dev, status.st_ino


if __name__ == "__main__":
    unittest.main()
