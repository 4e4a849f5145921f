"""Services that do not want to end, and what earlier runs left."""

import pathlib
import subprocess
import time
import unittest

from machine import DEADLINE, Machine, alive, read, wait_until

BOMB = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for _ in range(500):
    if os.fork() == 0:
        os.setsid()
        while True:
            child = os.fork()
            if child == 0:
                os._exit(0)
            os.waitpid(child, 0)
            time.sleep(0.5)
open("READY", "w").close()
signal.pause()
"""


def group_of(pid):
    """The control group of a process, as a directory of the host."""
    path = next(line[3:] for line in read(f"/proc/{pid}/cgroup").splitlines() if line.startswith("0::"))
    unified = pathlib.Path("/sys/fs/cgroup/unified")
    return pathlib.Path(f"{unified if unified.is_dir() else unified.parent}{path}")


class ForkBombTest(unittest.TestCase):
    def test_f23_five_hundred_forking_children_are_stopped_whole(self):
        with Machine() as machine:
            bomb = machine.place / "bomb.py"
            bomb.write_text(BOMB.replace("READY", str(machine.place / "ready")), encoding="utf-8")
            machine.write_unit("a.service", f'[service]\ncommand = ["/usr/bin/python3", "{bomb}"]\nnice = 15\nstop-timeout = "500ms"\n')
            machine.initctl("daemon-reload")
            machine.initctl("start", "a")
            wait_until("it has exploded", (machine.place / "ready").exists)
            began = time.monotonic()
            machine.status("a")
            asked = time.monotonic() - began
            machine.initctl("stop", "a")
            print(f"status took {asked:.3f} s, the stop {time.monotonic() - began - asked:.1f} s", flush=True)
            self.assertEqual(machine.services(), [])
            self.assertEqual(machine.status("a")["state"], "inactive")
            self.assertEqual(machine.poweroff(), 0)


class LeftoversTest(unittest.TestCase):
    SLEEP = '[service]\ncommand = ["/bin/sleep", "1000"]\n'

    def intruder(self, machine):
        """A process in the control group of a.service, which does not run."""
        machine.initctl("start", "b")
        group = group_of(machine.host_pid(machine.main_pid("b"))).parent / "a.service"
        group.mkdir(exist_ok=True)
        process = subprocess.Popen(["sleep", "1000"])
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        (group / "cgroup.procs").write_text(str(process.pid), encoding="utf-8")
        return process

    def test_f22_what_an_earlier_run_has_left_is_killed_before_the_next(self):
        with Machine({"a.service": self.SLEEP, "b.service": self.SLEEP}) as machine:
            process = self.intruder(machine)
            machine.initctl("start", "a")
            self.assertEqual(process.wait(DEADLINE), -9)
            self.assertEqual(len(machine.status("a")["processes"]), 1)
            self.assertIn("a.service: kills what an earlier run has left: process", read(machine.place / "console"))

    def test_helpers_that_the_kill_mode_leaves_alone_stay(self):
        with Machine({"a.service": self.SLEEP + 'kill-mode = "main"\n', "b.service": self.SLEEP}) as machine:
            process = self.intruder(machine)
            machine.initctl("start", "a")
            self.assertTrue(alive(process.pid))


if __name__ == "__main__":
    unittest.main()
