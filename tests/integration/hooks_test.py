"""The steps around a service: their order, what they are told of the run, and a stop that comes at any moment."""

import os
import random
import signal
import time
import unittest

from machine import Machine, read, wait_until

RACES = int(os.environ.get("INITD_RACES", "60"))
SEED = int(os.environ.get("INITD_SEED", str(int(time.time()))))
STEPS = ("condition-commands", "pre-start", "post-start", "reload", "pre-stop", "stop", "post-stop")
NOTE = """#!/bin/sh
echo "$1 result=$SERVICE_RESULT code=$EXIT_CODE status=$EXIT_STATUS restarts=$RESTART_COUNT main=${MAINPID:+known}" >>LEDGER
"""
MONITOR = """#!/bin/sh
echo "${1:-}$MONITOR_UNIT $MONITOR_SERVICE_RESULT $MONITOR_EXIT_CODE $MONITOR_EXIT_STATUS" >>LEDGER
"""
EVENT = """#!/bin/sh
echo "$INITD_EVENT $INITD_UNIT $SERVICE_RESULT $EXIT_CODE $EXIT_STATUS $RESTART_COUNT" >>LEDGER
"""

# Of this machine alone; initd reads the file at the next daemon-reload.
OWN_ETC = """mkdir /run/upper /run/work; mount -t overlay overlay -o lowerdir=/etc,upperdir=/run/upper,workdir=/run/work /etc
mkdir -p /etc/initd; cp {} /etc/initd/initd.toml; chmod 644 /etc/initd/initd.toml"""


class HookCase(unittest.TestCase):
    def script(self, machine, name, text):
        path = machine.place / name
        path.write_text(text.replace("LEDGER", str(machine.place / "ledger")), encoding="utf-8")
        path.chmod(0o755)
        return path

    def ledger(self, machine):
        return read(machine.place / "ledger").splitlines()

    def load(self, machine, units):
        for unit, text in units.items():
            machine.write_unit(unit, text)
        machine.initctl("daemon-reload")

    def unit(self, note, command, but=None, more=""):
        """Every step writes its line; those of `but` are others."""
        steps = {step: f'["{note}", "{step}"]' for step in STEPS} | (but or {})
        lines = "".join(f"{step} = [{step_of}]\n" for step, step_of in steps.items() if step_of)
        return f'[service]\ncommand = {command}\nstop-timeout = "5s"\nrestart-delay = "10ms"\n{lines}{more}'


class HooksTest(HookCase):
    SLEEP = '["/bin/sleep", "1000"]'

    def test_they_run_in_order_and_are_told_of_the_run(self):
        with Machine() as machine:
            note = self.script(machine, "note", NOTE)
            self.load(machine, {"a.service": self.unit(note, self.SLEEP)})
            machine.initctl("start", "a")
            machine.initctl("reload", "a")
            machine.initctl("stop", "a")
            before, alive = "result= code= status= restarts=0 main=", "result= code= status= restarts=0 main=known"
            self.assertEqual(self.ledger(machine), [
                f"condition-commands {before}", f"pre-start {before}", f"post-start {alive}", f"reload {alive}",
                f"pre-stop {alive}", "stop result=success code= status= restarts=0 main=known",
                "post-stop result=success code=killed status=TERM restarts=0 main="])  # fmt: skip
            self.assertEqual(machine.services(), [])

    def test_after_a_crash_post_stop_knows_how_and_how_often(self):
        crash = '["/bin/sh", "-c", "exit 3"]'
        more = 'restart-limit = { burst = 2, interval = "1min" }\n'
        with Machine() as machine:
            note = self.script(machine, "note", NOTE)
            self.load(machine, {"a.service": self.unit(note, crash, {"post-start": "", "pre-start": ""}, more)})
            machine.initctl("start", "a", check=False)
            machine.wait_for_state("a", "failed")
            ends = [line for line in self.ledger(machine) if line.startswith("post-stop")]
            self.assertEqual(ends, [f"post-stop result=exit-code code=exited status=3 restarts={i} main=" for i in range(3)])

    def test_all_steps_of_a_run_have_its_id_over_the_death_of_the_manager(self):
        with Machine() as machine:
            note = self.script(machine, "note", '#!/bin/sh\necho "$INVOCATION_ID" >>LEDGER\n')
            self.load(machine, {"a.service": f'[service]\ncommand = {self.SLEEP}\npre-start = ["{note}"]\npost-stop = ["{note}"]\n'})
            for _ in range(2):
                machine.initctl("start", "a")
                manager = machine.manager()
                os.kill(manager, signal.SIGKILL)
                wait_until("another manager", lambda before=manager: machine.manager() not in (0, before))
                machine.initctl("stop", "a")
            first, same, second, again = self.ledger(machine)
            self.assertEqual((first, second), (same, again))
            self.assertNotEqual(first, second)

    def test_a_condition_that_says_no_skips_the_start(self):
        with Machine() as machine:
            note = self.script(machine, "note", NOTE)
            no = {"condition-commands": '["/bin/false"]'}
            self.load(machine, {"a.service": self.unit(note, self.SLEEP, no)})
            machine.initctl("start", "a", check=False)
            self.assertEqual(machine.status("a")["state"], "inactive")
            self.assertNotIn("pre-start", " ".join(self.ledger(machine)))

    def test_failures_that_are_ignored_and_steps_as_root(self):
        uid = '{ command = ["/bin/sh", "-c", "id -u >>LEDGER"], as-root = true }'
        with Machine() as machine:
            (machine.place / "ledger").touch()
            steps = '{ command = ["/bin/false"], ignore-failure = true }, ' + uid.replace("LEDGER", str(machine.place / "ledger"))
            self.load(machine, {"a.service": f'[service]\ncommand = {self.SLEEP}\nuser = "nobody"\npre-start = [{steps}]\n'})
            machine.initctl("start", "a")
            self.assertEqual(self.ledger(machine), ["0"])

    def test_a_unit_that_an_end_starts_is_told_of_it(self):
        """By on-success and on-failure, each for its ends alone."""
        ends = {
            "done": ('type = "oneshot"\n', "exit 0", "success: done.service success exited 0"),
            "quiet": ("", "kill -TERM $$$$", "success: quiet.service success killed TERM"),
            "known": ("success-exit = [7]\n", "exit 7", "success: known.service success exited 7"),
            "killed": ("", "kill -KILL $$$$", "failure: killed.service signal killed KILL"),
            "never": ('pre-start = [["/bin/false"]]\n', "exit 0", "failure: never.service exit-code exited 1"),
        }
        with Machine() as machine:
            monitor = self.script(machine, "monitor", MONITOR)
            units = {}
            for name, (keys, script, _) in ends.items():
                called = "".join(f'on-{end} = ["{name}-{end}.service"]\n' for end in ("success", "failure"))
                units[f"{name}.service"] = f'[unit]\n{called}[service]\nrestart = "no"\n{keys}command = ["/bin/sh", "-c", "{script}"]\n'
                for end in ("success", "failure"):
                    units[f"{name}-{end}.service"] = f'[service]\ntype = "oneshot"\ncommand = ["{monitor}", "{end}: "]\n'
            self.load(machine, units)
            machine.initctl("start", *ends, check=False)
            told = sorted(line for _, _, line in ends.values())
            wait_until("all are told", lambda: len(self.ledger(machine)) >= len(told))
            machine.poweroff()
            self.assertEqual(sorted(self.ledger(machine)), told)

    def failing(self, action):
        limit = f'restart-limit = {{ burst = 2, interval = "1min", action = "{action}" }}\n'
        return f'[service]\ncommand = ["/bin/sh", "-c", "exit 3"]\nrestart-delay = "10ms"\n{limit}'

    def test_a_restart_limit_can_start_a_unit_that_is_told_of_it(self):
        with Machine() as machine:
            monitor = self.script(machine, "monitor", MONITOR)
            self.load(machine, {"a.service": self.failing("m.service"), "b.service": self.failing("none"),
                                "m.service": f'[service]\ntype = "oneshot"\ncommand = ["{monitor}"]\n'})  # fmt: skip
            machine.initctl("start", "a", "b", check=False)
            for unit in "ab":
                machine.wait_for_state(unit, "failed")
                self.assertEqual(machine.status(unit)["restarts"], 2)
            wait_until("it is told", lambda: self.ledger(machine) == ["a.service start-limit-hit exited 3"])

    def test_a_restart_limit_can_end_the_machine(self):
        for action in ("exit", "poweroff", "reboot"):
            with self.subTest(action), Machine({"a.service": self.failing(action), "b.service": f"[service]\ncommand = {self.SLEEP}\n"}) as machine:
                machine.initctl("start", "b")
                machine.initctl("start", "a", "--no-block")
                machine.wait()
                self.assertEqual(machine.services(), [])

    def test_the_hook_of_the_system_is_told_of_failures_and_restarts(self):
        with Machine() as machine:
            event = self.script(machine, "event", EVENT)
            crash = f"test -e {machine.place}/once && exec sleep 1000; touch {machine.place}/once; exit 7"
            self.load(machine, {"a.service": f'[service]\ncommand = ["/bin/sh", "-c", "{crash}"]\nrestart-delay = "10ms"\n',
                                "b.service": '[service]\ncommand = ["/bin/sh", "-c", "exit 3"]\nrestart = "no"\n'})  # fmt: skip
            self.script(machine, "initd.toml", f'[hook]\ncommand = ["{event}"]\n')
            machine.inside("sh", "-ec", OWN_ETC.format(machine.place / "initd.toml"))
            machine.initctl("daemon-reload")
            machine.initctl("start", "a", "b", check=False)
            wait_until("it is told of both", lambda: sorted(self.ledger(machine)) == [
                "failed b.service exit-code exited 3 0", "restarted a.service  exited 7 1"])  # fmt: skip

    def test_a_stop_interrupts_any_phase_of_a_start(self):
        with Machine() as machine:
            note = self.script(machine, "note", NOTE)
            hang = f'["/bin/sh", "-c", "{note} hanging; exec sleep 1000"]'
            phases = {"condition-commands": {"condition-commands": hang}, "pre-start": {"pre-start": hang},
                      "post-start": {"post-start": hang}, "readiness": {}}  # fmt: skip
            for phase, but in phases.items():
                with self.subTest(phase):
                    (machine.place / "ledger").write_text("", encoding="utf-8")
                    probe = '[ready]\npath = "/no/such/path"\n' if phase == "readiness" else ""
                    self.load(machine, {"a.service": self.unit(note, self.SLEEP, but, probe)})
                    machine.initctl("start", "a", "--no-block")
                    word = "pre-start" if phase == "readiness" else "hanging"
                    wait_until(f"{phase} has begun", lambda w=word: any(line.startswith(w) for line in self.ledger(machine)))
                    machine.initctl("stop", "a")
                    self.assertEqual(machine.status("a")["state"], "inactive")
                    self.assertEqual(machine.services(), [])
                    ends = [line for line in self.ledger(machine) if line.startswith("post-stop")]
                    began = 0 if phase == "condition-commands" else 1  # a condition alone is no run
                    self.assertEqual(len(ends), began, self.ledger(machine))


class RacesTest(HookCase):
    def test_f24_stop_exit_and_restart_end_in_one_right_state(self):
        print(f"INITD_SEED={SEED} INITD_RACES={RACES}", flush=True)
        chance = random.Random(SEED)
        script = "trap 'exit 0' TERM; sleep 0.0$(($$$$ % 4)); exit 1"
        unit = f'[service]\ncommand = ["/bin/sh", "-c", "{script}"]\nrestart = "always"\nrestart-delay = "1ms"\nrestart-delay-max = "5ms"\n'
        steady = '[service]\ncommand = ["/bin/sleep", "1000"]\nrestart = "always"\nrestart-delay = "1ms"\n'
        with Machine({"a.service": unit, "b.service": steady}) as machine:
            for race in range(RACES):
                name = chance.choice("ab")
                self.race(machine, chance, name)
                last = chance.choice(["stop", "start"])
                machine.initctl(last, name, check=False)
                self.check(machine, name, last, race)
            machine.initctl("stop", "a", "b")
            self.assertEqual(machine.services(), [])
            self.assertEqual(machine.poweroff(), 0)

    def race(self, machine, chance, name):
        for _ in range(chance.randrange(1, 4)):
            verb = chance.choice(["start", "stop", "restart", "kill"])
            if verb == "kill":
                for pid in machine.services():
                    try:
                        os.kill(pid, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
            else:
                machine.initctl(verb, name, "--no-block", check=False)

    def check(self, machine, name, last, race):
        if last == "stop":
            status = machine.status(name)
            self.assertEqual((status["state"], status.get("processes", [])), ("inactive", []), (race, status))
        else:
            wait_until(f"race {race}: it runs", lambda: machine.status(name)["state"] in ("active", "activating"))


if __name__ == "__main__":
    unittest.main()
