"""The manager is killed again and again at random moments, while services run, crash and are asked to restart, and while
unit files are half-written on disk. Nothing may be lost: the services' own ledgers say what really happened.

INITD_KILLS is the number of kills (default 200), INITD_SEED the seed of all chance in it.
"""

import json
import os
import random
import signal
import threading
import time
import unittest

from machine import PROGRAMS, Machine, read, wait_until

KILLS = int(os.environ.get("INITD_KILLS", "200"))
SEED = int(os.environ.get("INITD_SEED", str(int(time.time()))))
LEDGER = PROGRAMS / "ledger"
STEADY = [f"steady{i:02}.service" for i in range(70)]
CRASHING = [f"crashing{i:02}.service" for i in range(20)]
ERRAND = [f"errand{i:02}.service" for i in range(10)]
CALLERS = 2
SERVICE = """[service]
command = {command}
restart = "on-failure"
restart-delay = "10ms"
restart-delay-max = "50ms"
"""


class Ledger:
    """What a service wrote of itself: pids of its starts, (pid, code) of its exits, in order."""

    def __init__(self, path):
        lines = [line.split() for line in read(path).splitlines()]
        self.starts = [int(pid) for word, pid, _ in lines if word == "start"]
        self.exits = [(int(pid), int(code)) for word, pid, code in lines if word == "exit"]


class Caller(threading.Thread):
    """Asks for restarts of its units, one after the other, and keeps every answer."""

    def __init__(self, machine, units, stop):
        super().__init__()
        self.machine, self.units, self.stop = machine, units, stop
        self.answers = []  # (unit, exit code, what was printed)

    def run(self):
        while not self.stop.is_set():
            for unit in self.units:
                done = self.machine.initctl("restart", unit, "--json", check=False)
                self.answers.append((unit, done.returncode, done.stdout + done.stderr))

    def check(self, test):
        """Each call got its one answer, and a good one. Returns the number of restarts of each unit."""
        counts = dict.fromkeys(self.units, 0)
        for unit, code, text in self.answers:
            test.assertEqual(code, 0, f"restart of {unit}: {text}")
            json.loads(text)  # one document and nothing behind it
            counts[unit] += 1
        return counts


class Editor(threading.Thread):
    """An admin with an editor that writes in halves: at any moment some unit file is broken."""

    def __init__(self, machine, stop, chance):
        super().__init__()
        self.machine, self.stop, self.chance = machine, stop, chance

    def run(self):
        units = STEADY + CRASHING + ERRAND
        while not self.stop.is_set():
            unit = self.chance.choice(units)
            text = self.machine.units[unit]
            self.machine.write_unit(unit, text[: self.chance.randrange(len(text))])
            self.stop.wait(0.01)
            self.machine.write_unit(unit, text)


class RecoveryTest(unittest.TestCase):
    def setUp(self):
        print(f"INITD_SEED={SEED} INITD_KILLS={KILLS}", flush=True)
        self.chance = random.Random(SEED)

    def units(self, ledgers):
        def service(*arguments):
            return SERVICE.format(command=json.dumps([str(LEDGER), *arguments]))

        units = {unit: service(f"{ledgers}/{unit}", "hold") for unit in STEADY}
        # With readiness a restart is answered when the ledger is kept: who is told to end before that has written nothing.
        units |= {unit: service(f"{ledgers}/{unit}", "hold", "3") + "ready-fd = 3\n" for unit in ERRAND}
        units |= {unit: service(f"{ledgers}/{unit}", "crash", "200", f"{ledgers}/stop") for unit in CRASHING}
        units["default.target"] = f"[unit]\nwants = {json.dumps(list(units))}\n"
        return units

    def test_killing_the_manager_loses_nothing(self):
        with Machine() as machine:
            ledgers = machine.place / "ledgers"
            ledgers.mkdir()
            self.start_all(machine, ledgers)
            started = time.monotonic()
            callers = self.disturb(machine)
            print(f"{KILLS} kills in {time.monotonic() - started:.1f} s, "
                  f"{sum(len(caller.answers) for caller in callers)} restarts asked for", flush=True)  # fmt: skip
            (ledgers / "stop").touch()
            for unit in CRASHING:
                machine.wait_for_state(unit, "inactive")
            self.check_steady(machine, ledgers)
            self.check_crashing(machine, ledgers)
            self.check_errands(machine, ledgers, callers)
            self.assertEqual(machine.json("status")["manager_restarts"], KILLS)
            self.assertEqual(machine.poweroff(), 0)

    def start_all(self, machine, ledgers):
        for unit, text in self.units(ledgers).items():
            machine.units[unit] = text
            machine.write_unit(unit, text)
        machine.initctl("daemon-reload")
        machine.initctl("start", "default.target")
        for unit in STEADY + ERRAND:
            machine.wait_for_state(unit, "active")

    def disturb(self, machine):
        """All the kills, with the callers and the editor beside them. The callers, when they have their last answer."""
        stop = threading.Event()
        callers = [Caller(machine, ERRAND[i::CALLERS], stop) for i in range(CALLERS)]
        threads = [*callers, Editor(machine, stop, random.Random(SEED + 1))]
        for thread in threads:
            thread.start()
        try:
            for _ in range(KILLS):
                self.kill_manager(machine)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        return callers

    def kill_manager(self, machine):
        manager = wait_until("there is a manager", machine.manager)
        time.sleep(self.chance.choice([0, 0.001, 0.003, 0.01, 0.05]) * self.chance.random())  # a random moment of its life
        os.kill(manager, signal.SIGKILL)
        wait_until("there is another manager", lambda: machine.manager() not in (0, manager))

    def check_steady(self, machine, ledgers):
        for unit in STEADY:
            ledger, status = Ledger(ledgers / unit), machine.status(unit)
            self.assertEqual((len(ledger.starts), ledger.exits), (1, []), unit)
            self.assertEqual(status["main_pid"], ledger.starts[0], status)
            self.assertEqual(status.get("restarts", 0), 0, status)

    def check_crashing(self, machine, ledgers):
        total = 0
        for unit in CRASHING:
            ledger, status = Ledger(ledgers / unit), machine.status(unit)
            codes = [1 + i % 250 for i in range(len(ledger.starts) - 1)] + [0]
            self.assertEqual([pid for pid, _ in ledger.exits], ledger.starts, unit)
            self.assertEqual([code for _, code in ledger.exits], codes, unit)
            self.assertEqual(status["restarts"], len(ledger.starts) - 1, status)
            self.assertEqual((status["exit"]["kind"], status["exit"].get("code", 0)), ("exited", 0), status)
            total += len(ledger.exits)
        print(f"{total} exits of {len(CRASHING)} crashing services, all told", flush=True)

    def check_errands(self, machine, ledgers, callers):
        for caller in callers:
            for unit, count in caller.check(self).items():
                ledger = Ledger(ledgers / unit)
                self.assertEqual(len(ledger.starts), 1 + count, unit)
                self.assertEqual(len(ledger.exits), count, unit)
                self.assertEqual(machine.main_pid(unit), ledger.starts[-1], unit)


class LeftoversTest(unittest.TestCase):
    def test_without_cgroups_what_a_unit_left_is_still_ended_after_the_manager_died(self):
        # The main process ends at TERM; what it left does not, and is found by its session alone.
        script = "trap '' TERM; sleep 1000 & trap 'exit 0' TERM; echo both run; while :; do wait; done"
        unit = f'[service]\ncommand = ["/bin/sh", "-c", "{script}"]\nstop-timeout = "8s"\n'
        with Machine({"a.service": unit}, options=["--no-cgroup"]) as machine:
            machine.initctl("start", "a")
            wait_until("both run", lambda: "both run" in machine.log("a.service"))
            machine.initctl("stop", "a", "--no-block")
            wait_until("the main process is gone", lambda: len(machine.services()) == 1)
            before = machine.manager()
            os.kill(before, signal.SIGKILL)
            wait_until("another manager", lambda: machine.manager() not in (0, before))
            self.assertEqual(machine.status("a")["state"], "deactivating")
            self.assertEqual(len(machine.status("a")["processes"]), 1)
            machine.wait_for_state("a", "inactive")
            self.assertEqual(machine.services(), [])


if __name__ == "__main__":
    unittest.main()
