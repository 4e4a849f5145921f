"""[resources] slice: whose control group lies where, over restarts, reloads and deaths of the manager."""

import os
import signal
import unittest

from machine import Machine, wait_until

SLEEP = '[service]\ncommand = ["/bin/sh", "-c", "sleep 1000 & exec sleep 1000"]\n'
IN = SLEEP + '[resources]\nslice = "{}"\n'


class SlicesTest(unittest.TestCase):
    def start(self, units, **options):
        machine = Machine(units, **options)
        machine.__enter__()
        self.addCleanup(machine.__exit__, None, None, None)
        return machine

    def group(self, machine, unit):
        """Of its main process, below that of all units."""
        path = machine.inside("cat", f"/proc/{machine.main_pid(unit)}/cgroup").stdout
        return path.rpartition("0::")[2].strip().removeprefix("/system/")

    def directories(self, machine):
        found = machine.inside("find", "/sys/fs/cgroup/system", "-mindepth", "1", "-type", "d", "-printf", "%P\n").stdout
        return sorted(found.split())

    def test_services_lie_in_their_slices_which_go_with_the_last(self):
        machine = self.start({"a.service": IN.format("batch-nightly"), "b.service": IN.format("batch.slice"), "c.service": SLEEP,
                              "batch.slice": "[resources]\ntasks-max = 100\n"})  # fmt: skip
        machine.initctl("start", "a", "b", "c")
        self.assertEqual(self.group(machine, "a"), "batch.slice/batch-nightly.slice/a.service")
        self.assertEqual(self.group(machine, "b"), "batch.slice/b.service")
        self.assertEqual(self.group(machine, "c"), "c.service")
        self.assertEqual([machine.status(unit).get("slice") for unit in "abc"], ["batch-nightly.slice", "batch.slice", None])
        self.assertEqual([machine.status(f"{name}.slice")["state"] for name in ("batch", "batch-nightly")], ["active", "active"])
        wait_until("each has its helper", lambda: len(machine.status("batch.slice")["processes"]) == 4)
        machine.initctl("restart", "a")
        self.assertEqual(self.group(machine, "a"), "batch.slice/batch-nightly.slice/a.service")
        machine.initctl("stop", "a")
        wait_until("its slice goes with it", lambda: self.directories(machine) == ["batch.slice", "batch.slice/b.service", "c.service"])
        machine.initctl("stop", "b", "c")
        wait_until("all is gone", lambda: not self.directories(machine))
        self.assertEqual(machine.status("batch.slice")["state"], "inactive")

    def test_a_reload_moves_nobody_and_a_dead_manager_finds_everybody(self):
        machine = self.start({"a.service": IN.format("one"), "b.service": SLEEP})
        machine.initctl("start", "a", "b")
        wait_until("each has its helper", lambda: all(len(machine.status(unit)["processes"]) == 2 for unit in "ab"))
        before = machine.main_pid("a")
        machine.write_unit("a.service", IN.format("two"))
        machine.write_unit("b.service", IN.format("two"))
        machine.initctl("daemon-reload")
        self.assertEqual((self.group(machine, "a"), self.group(machine, "b")), ("one.slice/a.service", "b.service"))
        for _ in range(2):
            self.assertEqual(machine.main_pid("a"), before)
            self.assertEqual((machine.status("a")["slice"], len(machine.status("a")["processes"])), ("one.slice", 2))
            os.kill(machine.manager(), signal.SIGKILL)
        machine.initctl("restart", "a", "b")
        self.assertEqual((self.group(machine, "a"), self.group(machine, "b")), ("two.slice/a.service", "two.slice/b.service"))
        wait_until("nothing is left of the old places", lambda: self.directories(machine) == ["two.slice", "two.slice/a.service", "two.slice/b.service"])
        os.kill(machine.manager(), signal.SIGKILL)
        machine.initctl("stop", "a", "b")  # the helper in each, too
        wait_until("all is gone", lambda: not self.directories(machine))
        self.assertFalse(machine.services())

    def test_a_slice_whose_file_is_broken_keeps_its_services_down(self):
        machine = self.start({"a.service": IN.format("one"), "one.slice": "[resources]\nmemory-mx = 1\n"})
        said = machine.initctl("start", "a", check=False)
        self.assertNotEqual(said.returncode, 0)
        self.assertIn("one.slice", said.stderr)
        self.assertEqual(machine.main_pid("a"), 0)

    def test_without_control_groups_it_is_a_warning(self):
        machine = self.start({"a.service": IN.format("one")}, options=["--no-cgroup"])
        machine.initctl("start", "a")
        self.assertIn("a.service.toml:4: slice is not in force: no control groups", machine.status("a")["problems"][0])


if __name__ == "__main__":
    unittest.main()
