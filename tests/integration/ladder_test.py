"""A manager that crashes again and again: what made it crash is refused, then only essential units are seen to, then PID 1
is alone. The manager of these tests crashes on demand: helpers/poisoned.cpp."""

import json
import os
import shutil
import signal
import unittest

from machine import PROGRAMS, Machine, read, wait_until

SERVICE = '[service]\ncommand = ["sleep", "1d"]\n'


def poisoned(units):
    return Machine(units, manager="poisoned-manager")


def start_crashing(machine):
    """From the next manager on: each is gone as soon as it is up."""
    (machine.programs / "crash").touch()
    os.kill(machine.manager(), signal.SIGKILL)


def stop_crashing(machine):
    (machine.programs / "crash").unlink()


def console(machine):
    return read(machine.place / "console")


class RefusalTest(unittest.TestCase):
    def test_F61_P29_a_request_that_crashed_the_manager_twice_is_refused(self):
        with poisoned({"a.service": SERVICE, "poison.service": SERVICE}) as machine:
            machine.initctl("start", "a")
            before = machine.main_pid("a")
            told = machine.initctl("why", "poison", check=False)
            self.assertEqual(told.returncode, 1)
            self.assertIn("has made the manager crash twice and is refused", told.stderr)
            self.assertEqual(machine.json("status")["manager_restarts"], 2)
            told = machine.initctl("why", "poison", check=False)
            self.assertIn("refused", told.stderr)
            self.assertEqual(machine.json("status")["manager_restarts"], 2)
            self.assertIn("a request that made the manager crash twice is refused", machine.initctl("status").stdout)
            self.assertEqual(machine.initctl("is-system-running", check=False).stdout, "degraded\n")
            self.assertIn("is active", machine.initctl("why", "a").stdout)
            self.assertEqual(machine.main_pid("a"), before)
            machine.initctl("reexec")
            self.assertNotIn("refused", machine.initctl("status").stdout)

    def test_F61_a_unit_that_crashed_the_manager_twice_is_set_aside(self):
        with poisoned({"a.service": SERVICE, "poison.service": SERVICE, "needs.service": '[unit]\nrequires = ["poison.service"]\n' + SERVICE}) as machine:
            machine.initctl("start", "a")
            before = machine.main_pid("a")
            told = machine.initctl("start", "poison", check=False)
            self.assertEqual(told.returncode, 1)
            self.assertIn("set aside", told.stderr)
            self.assertIn("poison.service is set aside: it made the manager crash twice", machine.initctl("status").stdout)
            restarts = machine.json("status")["manager_restarts"]
            self.assertLessEqual(restarts, 3)
            for verb in ("start", "stop", "status", "restart"):
                self.assertIn("set aside", machine.initctl(verb, "poison", check=False).stderr)
            self.assertEqual(machine.initctl("start", "needs", check=False).returncode, 1)
            self.assertEqual(machine.status("a")["main_pid"], before)
            machine.initctl("restart", "a")
            self.assertEqual(machine.json("status")["manager_restarts"], restarts)

    def test_a_boot_goes_on_without_the_unit_that_crashes_the_manager(self):
        units = {"default.target": '[unit]\nwants = ["poison.service", "a.service"]\n', "a.service": SERVICE, "poison.service": SERVICE}
        with poisoned(units) as machine:
            machine.wait_for_state("a", "active")
            wait_until("it is known", lambda: "poison.service is set aside" in machine.initctl("status").stdout)
            self.assertEqual(machine.status("a").get("restarts", 0), 0)

    def test_what_is_set_aside_is_taken_back_by_an_upgrade(self):
        with poisoned({"poison.service": SERVICE}) as machine:
            machine.initctl("start", "poison", check=False)
            self.assertIn("poison.service is set aside", machine.initctl("status").stdout)
            machine.initctl("daemon-reload")
            self.assertIn("poison.service is set aside", machine.initctl("status").stdout)
            shutil.copy(PROGRAMS / "initd-manager", machine.programs / "new")
            os.rename(machine.programs / "new", machine.programs / "initd-manager")
            machine.initctl("upgrade")
            self.assertNotIn("set aside", machine.initctl("status").stdout)
            machine.wait_for_state("poison", "active")  # the wish has stood all the time


class SafeModeTest(unittest.TestCase):
    def test_after_five_crashes_only_essential_units_are_seen_to(self):
        base = '[unit]\nessential = true\nrequires = ["base.service"]\nafter = ["base.service"]\n' + SERVICE
        units = {"a.service": SERVICE, "b.service": SERVICE, "vital.service": base, "base.service": SERVICE}
        with Machine(units, manager="poisoned-manager") as machine:
            machine.initctl("start", "a", "b", "vital")
            pids = {unit: machine.main_pid(unit) for unit in ("a", "b", "vital", "base")}
            start_crashing(machine)
            wait_until("the manager has crashed often enough", lambda: "starts in 1000 ms" in console(machine))
            stop_crashing(machine)
            # 5 times, and once more for each second that passed until it was forbidden.
            self.assertRegex(machine.initctl("status").stdout, "safe mode: the manager crashed [5-9] times in a row")
            self.assertEqual([unit["id"] for unit in machine.json("list")["units"]], ["base.service", "vital.service"])
            self.assertIn("set aside", machine.initctl("stop", "a", check=False).stderr)
            self.assertEqual(machine.main_pid("vital"), pids["vital"])
            machine.initctl("kill", "--signal", "KILL", "vital")
            wait_until("it is back", lambda: machine.main_pid("vital") not in (0, pids["vital"]))
            os.kill(machine.host_pid(pids["b"]), signal.SIGKILL)
            machine.initctl("reexec")
            self.assertNotIn("safe mode", machine.initctl("status").stdout)
            self.assertEqual({unit: machine.main_pid(unit) for unit in ("a", "base")}, {unit: pids[unit] for unit in ("a", "base")})
            wait_until("its end was not forgotten", lambda: machine.main_pid("b") not in (0, pids["b"]))
            self.assertEqual(machine.status("b")["restarts"], 1)


class AloneTest(unittest.TestCase):
    def test_after_ten_crashes_pid_1_keeps_essential_services_up_by_itself(self):
        vital = "[unit]\nessential = true\n" + '[service]\ncommand = ["/bin/sh", "-c", "echo up; exec sleep 1d"]\n'
        units = {"a.service": SERVICE, "vital.service": vital, "other.service": vital}
        with poisoned(units) as machine:
            machine.initctl("start", *units)
            pids = {unit: machine.main_pid(unit) for unit in ("a", "vital", "other")}
            said = lambda times: wait_until("its words are stored", lambda: machine.log("vital.service") == "up\n" * times)  # noqa: E731
            said(1)
            start_crashing(machine)
            wait_until("PID 1 is alone", lambda: "PID 1 is alone" in console(machine))
            told = machine.initctl("status", check=False)
            self.assertEqual(told.returncode, 7)
            self.assertIn("PID 1 is alone", told.stderr)
            rows = self.rows(machine)
            self.assertEqual({row["unit"]: row["pid"] for row in rows if row["unit"]}, {f"{unit}.service": pid for unit, pid in pids.items()})
            self.assertEqual({row["unit"] for row in rows if row["kept"] and row["unit"]}, {"vital.service", "other.service"})
            slots = {row["unit"]: row["slot"] for row in rows}

            os.kill(machine.host_pid(pids["vital"]), signal.SIGKILL)
            os.kill(machine.host_pid(pids["a"]), signal.SIGKILL)
            again = wait_until("the essential one is back", lambda: self.pid(machine, "vital.service", pids["vital"]))
            wait_until("the other has ended", lambda: "ended" in [row["state"] for row in self.rows(machine) if row["slot"] == slots["a.service"]])
            self.assertEqual(machine.initctl("rescue", "restart", str(slots["a.service"]), check=False).returncode, 1)
            said(2)
            machine.initctl("rescue", "restart", str(slots["vital.service"]))
            last = wait_until("it was started again", lambda: self.pid(machine, "vital.service", again))
            machine.initctl("rescue", "stop", str(slots["other.service"]))
            self.assertEqual(machine.initctl("rescue", "nonsense", check=False).returncode, 1)

            stop_crashing(machine)
            machine.initctl("rescue", "manager-restart")
            self.assertIn("safe mode", machine.initctl("status").stdout)
            machine.initctl("reexec")
            self.assertEqual(machine.main_pid("vital"), last)
            said(3)
            wait_until("its end was not forgotten", lambda: machine.main_pid("a") not in (0, pids["a"]))
            wait_until("it has ended", lambda: "exit" in machine.status("other"))
            self.assertEqual(machine.status("other")["exit"]["text"], "signal 15 (TERM)")
            machine.initctl("stop", "vital")
            self.assertEqual(machine.initctl("rescue", check=False, seconds=20).returncode, 7)
            self.assertEqual(machine.poweroff(), 0)

    def test_poweroff_works_without_a_manager(self):
        with poisoned({"a.service": SERVICE}) as machine:
            machine.initctl("start", "a")
            start_crashing(machine)
            wait_until("PID 1 is alone", lambda: "PID 1 is alone" in console(machine))
            machine.initctl("rescue", "poweroff")
            machine.wait()

    def rescue(self, machine, *words, check=True):
        return machine.inside(str(PROGRAMS / "initctl"), "--runtime", str(machine.runtime), "rescue", *words, check=check)

    def rows(self, machine):
        return [json.loads(line) for line in self.rescue(machine, "--json").stdout.splitlines()]

    def pid(self, machine, unit, before):
        return next((row["pid"] for row in self.rows(machine) if row["unit"] == unit and row["pid"] != before), 0)


if __name__ == "__main__":
    unittest.main()
