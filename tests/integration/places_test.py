"""Where initd runs: in the foreground as a plain process, without cgroups, as a plain user; and what signals do to it."""

import os
import signal
import subprocess
import unittest

from machine import NOBODY, PROGRAMS, Machine, alive, control_groups, read, wait_until

LEDGER = PROGRAMS / "ledger"
SLEEP = '[service]\ncommand = ["/bin/sleep", "infinity"]\n'


def chain(machine_place):
    """Three services, each after the one before, that share one ledger."""
    text = '[unit]\n{after}[service]\ncommand = ["{program}", "{place}", "hold"]\n'
    units = {}
    for name, after in (("a", ""), ("b", 'requires = ["a.service"]\n'), ("c", 'requires = ["b.service"]\n')):
        units[f"{name}.service"] = text.format(after=after, program=LEDGER, place=machine_place)
    units["default.target"] = '[unit]\nwants = ["c.service"]\n'
    return units


class PlainProcessTest(unittest.TestCase):
    def check_signal(self, number, namespaces):
        place = f"/tmp/initd-ledger-{os.getpid()}-{number}-{namespaces}"
        self.addCleanup(lambda: os.path.exists(place) and os.unlink(place))
        with Machine(chain(place), namespaces=namespaces) as machine:
            for name in "abc":
                machine.wait_for_state(name, "active")
            pids = [machine.main_pid(name) for name in "abc"]
            # A start is written by the service itself, a moment after it counts as up: in any order.
            wait_until("all keep their ledger", lambda: len(read(place).splitlines()) == 3)
            everything = machine.processes()
            os.kill(machine.pid, number)
            self.assertEqual(machine.wait(), 0)
            wait_until("nothing is left", lambda: not any(alive(pid) for pid in everything))
            lines = [tuple(line.split()[:2]) for line in read(place).splitlines()]
            self.assertEqual(sorted(lines[:3]), sorted(("start", str(pid)) for pid in pids))
            self.assertEqual(lines[3:], [("exit", str(pid)) for pid in reversed(pids)])
            self.assertEqual(control_groups(f"initd-{machine.pid}"), [])

    def test_ctrl_c_in_the_foreground_stops_all_in_reverse_order(self):
        self.check_signal(signal.SIGINT, namespaces=False)

    def test_term_stops_all_in_reverse_order(self):
        self.check_signal(signal.SIGTERM, namespaces=False)

    def test_term_to_the_init_of_a_container_stops_all_in_reverse_order(self):
        self.check_signal(signal.SIGTERM, namespaces=True)

    def test_orphans_of_a_service_are_reaped_and_stopped_with_it(self):
        script = "setsid sleep 1000 & exec sleep 1001"
        unit = f'[service]\ncommand = ["/bin/sh", "-c", "{script}"]\n'
        with Machine({"a.service": unit}, namespaces=False) as machine:
            machine.initctl("start", "a")
            wait_until("both run", lambda: len(machine.services()) == 2)
            machine.initctl("stop", "a")
            self.assertEqual(machine.services(), [])
            self.assertEqual(machine.poweroff(), 0)


class SignalTest(unittest.TestCase):
    def test_usr1_makes_a_deleted_control_socket_again(self):
        with Machine({"a.service": SLEEP}) as machine:
            machine.initctl("start", "a")
            before = machine.main_pid("a")
            (machine.runtime / "control").unlink()
            os.kill(machine.pid, signal.SIGUSR1)
            wait_until("a new control socket", lambda: (machine.runtime / "control").exists())
            self.assertEqual(machine.main_pid("a"), before)
            self.assertEqual(machine.poweroff(), 0)


class PlacesTest(unittest.TestCase):
    def check_service(self, machine):
        machine.initctl("start", "a")
        before = machine.main_pid("a")
        os.kill(machine.host_pid(before), signal.SIGKILL)
        wait_until("a new process", lambda: machine.main_pid("a") not in (0, before))
        machine.initctl("stop", "a")
        self.assertEqual(machine.services(), [])
        self.assertEqual(machine.poweroff(), 0)

    def test_with_cgroups_a_service_has_its_own(self):
        with Machine({"a.service": SLEEP}) as machine:
            machine.initctl("start", "a")
            path = machine.inside("cat", f"/proc/{machine.main_pid('a')}/cgroup").stdout
            self.assertRegex(path, r"(?m)^0::/.*a\.service")

    def test_without_cgroups(self):
        with Machine({"a.service": SLEEP}, options=["--no-cgroup"]) as machine:
            self.check_service(machine)

    def require_readable(self):
        if subprocess.run(["setpriv", f"--reuid={NOBODY}", "test", "-x", str(PROGRAMS / "initd")]).returncode != 0:
            self.skipTest(f"a plain user cannot reach {PROGRAMS}")

    def test_as_a_plain_user_in_a_user_namespace(self):
        self.require_readable()
        with Machine({"a.service": SLEEP}, as_user=NOBODY) as machine:
            self.assertEqual(os.stat(f"/proc/{machine.pid}").st_uid, NOBODY)
            self.check_service(machine)

    def test_as_a_plain_user_without_namespaces(self):
        self.require_readable()
        with Machine({"a.service": SLEEP}, as_user=NOBODY, namespaces=False) as machine:
            self.check_service(machine)


if __name__ == "__main__":
    unittest.main()
