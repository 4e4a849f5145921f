"""[directories] of units: the one below /run goes when the unit stops."""

import os
import signal
import unittest

from machine import Machine, wait_until

UNIT = """[service]
command = ["/bin/sh", "-c", "mkdir -p $RUNTIME_DIRECTORY/a/b; ln -s /etc $RUNTIME_DIRECTORY/link; echo $$$$ >$RUNTIME_DIRECTORY/pid; exec sleep infinity"]
user = "nobody"
restart-delay = "10ms"
[directories]
runtime = ["web/own"]
"""


class RuntimeDirectoryTest(unittest.TestCase):
    @staticmethod
    def exists(machine, path):
        return machine.inside("test", "-e", path, check=False).returncode == 0

    def started(self, machine):
        machine.initctl("start", "a")
        wait_until("it has written there", lambda: self.exists(machine, "/run/web/own/pid"))

    def test_it_goes_when_the_unit_stops_and_nothing_else_does(self):
        with Machine({"a.service": UNIT}) as machine:
            self.started(machine)
            machine.initctl("stop", "a")
            self.assertFalse(self.exists(machine, "/run/web/own"))
            self.assertTrue(self.exists(machine, "/run/web"))
            self.assertTrue(self.exists(machine, "/etc/passwd"))
            self.started(machine)

    def test_it_stays_over_an_automatic_restart(self):
        with Machine({"a.service": UNIT}) as machine:
            self.started(machine)
            machine.inside("touch", "/run/web/own/mine")
            before = machine.main_pid("a")
            os.kill(machine.host_pid(before), signal.SIGKILL)
            wait_until("another process", lambda: machine.main_pid("a") not in (0, before))
            self.assertTrue(self.exists(machine, "/run/web/own/mine"))

    def test_it_goes_when_the_unit_fails_for_good(self):
        with Machine({"a.service": UNIT.replace("exec sleep infinity", "exit 3").replace("[dir", 'restart = "no"\n[dir')}) as machine:
            machine.initctl("start", "a", check=False)
            machine.wait_for_state("a", "failed")
            self.assertFalse(self.exists(machine, "/run/web/own"))

    def test_a_shared_one_goes_with_the_last_of_them(self):
        with Machine({"a.service": UNIT, "b.service": UNIT}) as machine:
            self.started(machine)
            machine.initctl("start", "b")
            machine.initctl("stop", "a")
            self.assertTrue(self.exists(machine, "/run/web/own"))
            machine.initctl("stop", "b")
            self.assertFalse(self.exists(machine, "/run/web/own"))

    def test_a_manager_that_died_before_it_could_leaves_nothing(self):
        with Machine({"a.service": UNIT}) as machine:
            self.started(machine)
            machine.initctl("stop", "a")
            # As if the manager had died between the records of the stop and its actions.
            machine.inside("mkdir", "-p", "/run/web/own")
            (machine.runtime / "directories" / "a.service").write_text("web/own\n")
            os.kill(machine.manager(), signal.SIGKILL)
            wait_until("the next manager has seen to it", lambda: not self.exists(machine, "/run/web/own"))


if __name__ == "__main__":
    unittest.main()
