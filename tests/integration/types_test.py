"""Types of services on the real initd: when a notify, ready-fd or forking service counts as started, and which of its
processes is the main one. The service is helpers/herald.cpp, or a daemon of Debian."""

import os
import shutil
import signal
import time
import unittest

from machine import DEADLINE, Machine, alive, wait_until
from readiness_test import Case, service

NOTIFY = 'type = "notify"'
SHORT = 'start-timeout = "1s"'


class NotifyTest(Case):
    def state(self, machine, unit="a"):
        return machine.status(unit)["state"]

    def test_F30_it_is_started_when_it_says_so(self):
        machine = self.machine()
        fifo = self.fifo(machine, "go")
        machine.write_unit("a.service", service("await", fifo, "say", "READY=1\nSTATUS=up", "say", "READY=1", "sleep", keys=NOTIFY))
        machine.initctl("daemon-reload")
        start = self.start_in_background(machine, "a")
        wait_until("it runs", lambda: machine.main_pid("a"))
        self.assertEqual(self.state(machine), "activating")
        self.open_fifo(fifo)
        self.assertEqual(start.wait(DEADLINE), 0)
        self.assertEqual(self.state(machine), "active")
        self.says(machine, "a", "up")

    def test_F30_what_is_no_readiness_ends_as_a_failure(self):
        """Never, early exit, from the wrong process, a ready-fd that closes without a line: each fails in time."""
        table = {
            "never.service": (["sleep"], NOTIFY),
            "early.service": (["exit", 0], NOTIFY),
            "early-code.service": (["exit", 3], NOTIFY),
            "child.service": (["say-child", "READY=1", "sleep"], NOTIFY),
            "gone.service": (["say-gone", "READY=1", "sleep"], NOTIFY),
            "nonsense.service": (["say", "READY=0", "say", "ready=1", "say", "X\nREADY=1x", "sleep"], NOTIFY),
            "closed.service": (["close", 3, "sleep"], "ready-fd = 3"),
            "silent.service": (["sleep"], "ready-fd = 3"),
        }
        units = {unit: service(*words, keys=f"{keys}\n{SHORT}") for unit, (words, keys) in table.items()}
        machine = self.machine(units)
        done = machine.initctl("start", *units, check=False)
        self.assertNotEqual(done.returncode, 0)
        for unit in units:
            machine.wait_for_state(unit, "failed")
        self.assertEqual(machine.services(), [])

    def test_F30_with_access_for_all_a_child_may_say_it(self):
        keys = f'{NOTIFY}\nnotify-access = "all"'
        units = {f"{verb}.service": service(verb, "READY=1", "sleep", keys=keys) for verb in ("say-child", "say-gone")}
        machine = self.machine(units)
        machine.initctl("start", *units)

    def test_a_line_on_the_ready_fd(self):
        machine = self.machine()
        fifo = self.fifo(machine, "go")
        machine.write_unit("a.service", service("await", fifo, "line", 7, "sleep", keys="ready-fd = 7"))
        machine.initctl("daemon-reload")
        start = self.start_in_background(machine, "a")
        wait_until("it runs", lambda: machine.main_pid("a"))
        self.assertEqual(self.state(machine), "activating")
        self.kill_manager(machine)
        self.open_fifo(fifo)
        self.assertEqual(start.wait(DEADLINE), 0)
        self.assertEqual(self.state(machine), "active")

    def test_readiness_is_not_lost_with_the_manager(self):
        """The manager stands still, the service says it is ready, the manager is killed: its successor hears it."""
        for keys, words in ((NOTIFY, ["say", "READY=1"]), ("ready-fd = 3", ["line", 3])):
            machine = self.machine()
            fifo, said = self.fifo(machine, "go"), machine.place / "said"
            os.chmod(machine.place, 0o777)
            machine.write_unit("a.service", service("await", fifo, *words, "touch", said, "sleep", keys=keys))
            machine.initctl("daemon-reload")
            start = self.start_in_background(machine, "a")
            wait_until("it runs", lambda machine=machine: machine.main_pid("a"))
            before = machine.manager()
            os.kill(before, signal.SIGSTOP)
            self.open_fifo(fifo)
            wait_until("it has said so", said.exists)
            os.kill(before, signal.SIGKILL)
            wait_until("another manager", lambda machine=machine, before=before: machine.manager() not in (0, before))
            machine.wait_for_state("a", "active")
            start.wait(DEADLINE)

    def end_after_the_word(self, words, keys):
        """A machine whose service says that it is ready and ends at once, while the manager stands still; the client that
        waits for the start, and that manager."""
        machine = self.machine()
        fifo, said = self.fifo(machine, "go"), machine.place / "said"
        os.chmod(machine.place, 0o777)
        machine.write_unit("a.service", service("await", fifo, *words, "touch", said, "exit", 0, keys=keys))
        machine.initctl("daemon-reload")
        start = self.start_in_background(machine, "a")
        wait_until("it runs", lambda: machine.main_pid("a"))
        manager = machine.manager()
        os.kill(manager, signal.SIGSTOP)
        self.open_fifo(fifo)
        wait_until("it has ended", lambda: said.exists() and not machine.services())
        return machine, start, manager

    # Ready is one that said so; that it has ended since is no failure of its start.
    BOTH = ((["say", "STATUS=done\nREADY=1"], NOTIFY), (["line", 3], "ready-fd = 3"))

    def test_F30_readiness_said_right_before_the_end_counts(self):
        for words, keys in self.BOTH:
            machine, start, manager = self.end_after_the_word(words, keys)
            os.kill(manager, signal.SIGCONT)
            self.assertEqual(start.wait(DEADLINE), 0, keys)
            machine.wait_for_state("a", "inactive")
            self.assertEqual(machine.status("a")["exit"], {"kind": "exited", "code": 0, "text": "exit 0"})
            self.assertEqual(machine.manager(), manager)

    def test_what_it_said_before_it_ended_is_not_lost_with_the_manager(self):
        for words, keys in self.BOTH:
            machine, start, manager = self.end_after_the_word(words, f"{keys}\nremain-after-exit = true")
            os.kill(manager, signal.SIGKILL)
            wait_until("another manager", lambda machine=machine, manager=manager: machine.manager() not in (0, manager))
            machine.wait_for_state("a", "active")
            self.assertEqual((start.wait(DEADLINE), machine.status("a").get("main_pid", 0)), (0, 0), keys)

    def test_what_is_shown_of_it_outlives_the_manager(self):
        machine = self.machine({"a.service": service("say", "STATUS=well\nREADY=1", "sleep", keys=NOTIFY)})
        machine.initctl("start", "a")
        os.kill(machine.host_pid(machine.main_pid("a")), signal.SIGKILL)
        machine.wait_for_state("a", "failed")
        machine.initctl("start", "a")
        shown = lambda: {key: machine.status("a").get(key) for key in ("status_text", "last_run", "main_pid")}  # noqa: E731
        before, manager = shown(), machine.manager()
        self.assertEqual(before["status_text"], "well")
        self.assertIsNotNone(before["last_run"])
        os.kill(manager, signal.SIGKILL)
        wait_until("another manager", lambda: machine.manager() not in (0, manager))
        self.assertEqual(shown(), before)

    def test_MAINPID_hands_over(self):
        machine = self.machine({"a.service": service("main", "say", "READY=1", "sleep", keys=f'{NOTIFY}\nnotify-access = "all"')})
        machine.initctl("start", "a")
        wait_until("its first process has ended", lambda: len(machine.services()) == 1)
        main = machine.host_pid(machine.main_pid("a"))
        self.assertEqual(machine.services(), [main])
        os.kill(main, signal.SIGKILL)
        machine.wait_for_state("a", "failed")
        self.assertEqual(machine.status("a")["exit"]["code"], signal.SIGKILL)
        self.assertEqual(machine.services(), [])

    def test_F16_a_MAINPID_that_is_not_its_own_is_ignored(self):
        units = {
            "a.service": service("say", "MAINPID=1", "say", "MAINPID=2", "say", "MAINPID=999999", "say", "READY=1", "sleep", keys=NOTIFY),
            "b.service": service("sleep"),
        }
        machine = self.machine(units)
        machine.initctl("start", "b")
        stranger = machine.main_pid("b")
        machine.write_unit("c.service", service("say", f"MAINPID={stranger}\nREADY=1", "sleep", keys=NOTIFY))
        machine.initctl("daemon-reload")
        machine.initctl("start", "a", "c")
        for unit in ("a", "c"):
            self.assertNotIn(machine.main_pid(unit), (1, 2, stranger))
            machine.initctl("stop", unit)
        self.assertEqual(machine.main_pid("b"), stranger)
        self.assertEqual(machine.status("b")["state"], "active")

    def test_a_watchdog_that_is_not_fed_ends_it(self):
        keys = f'{NOTIFY}\nwatchdog = "200ms"'
        machine = self.machine({"a.service": service("environment", "/run/env", "say", "READY=1", "sleep", keys=keys)})
        machine.initctl("start", "a")
        machine.wait_for_state("a", "failed")
        self.assertEqual(machine.status("a")["exit"]["code"], signal.SIGABRT)
        environment = machine.inside("cat", "/run/env").stdout
        self.assertIn("WATCHDOG_USEC=200000\n", environment)
        self.assertRegex(environment, r"WATCHDOG_PID=[1-9][0-9]*\n")


class ForkingTest(Case):
    KEYS = 'type = "forking"'

    def last_fork(self, machine, unit):
        """Its number, when it is taken for the main process; those on the way may have been for a moment."""

        def taken():
            said = machine.inside("cat", f"/run/{unit}", check=False).stdout.strip()
            return said and int(said) == machine.main_pid(unit) and int(said)

        return wait_until(f"the last fork of {unit} is its main process", taken)

    def test_F28_one_to_five_forks(self):
        units = {}
        for n in range(1, 6):
            unit = f"f{n}.service"
            units[unit] = service("fork", n, "pid-file", f"/run/{unit}", "sleep", keys=self.KEYS)
        for n in (1, 2):
            unit = f"w{n}.service"
            units[unit] = service("fork", n, "worker", "worker", "pid-file", f"/run/{unit}", "sleep", keys=self.KEYS)
        machine = self.machine(units)
        machine.initctl("start", *units)
        for unit in units:
            with self.subTest(unit):
                main = self.last_fork(machine, unit)
                self.assertEqual(machine.status(unit)["state"], "active")
                os.kill(machine.host_pid(main), signal.SIGKILL)
                machine.wait_for_state(unit, "failed")
                self.assertEqual(machine.status(unit)["exit"]["code"], signal.SIGKILL)
        self.assertEqual(machine.services(), [])

    def test_F28_no_fork_at_all_is_a_failure_and_no_hang(self):
        units = {"stays.service": service("sleep", keys=f"{self.KEYS}\n{SHORT}"), "ends.service": service("exit", 0, keys=self.KEYS),
                 "fails.service": service("exit", 1, keys=self.KEYS)}  # fmt: skip
        machine = self.machine(units)
        self.assertNotEqual(machine.initctl("start", *units, check=False).returncode, 0)
        for unit in units:
            machine.wait_for_state(unit, "failed")
        self.assertEqual(machine.services(), [])

    def test_the_end_of_its_main_process_is_shown_over_its_restart(self):
        """The good end of the next first process is no news of it."""
        keys = self.KEYS + '\nrestart = "always"\nrestart-delay = "1ms"'
        machine = self.machine({"a.service": service("fork", 1, "worker", "sleep", keys=keys).replace('restart = "no"', "")})
        machine.initctl("start", "a")
        shown = lambda: {key: machine.status("a").get(key) for key in ("exit", "last_run")}  # noqa: E731
        self.assertEqual(shown(), {"exit": None, "last_run": None})
        main = machine.main_pid("a")
        os.kill(machine.host_pid(main), signal.SIGKILL)
        wait_until("it runs again", lambda: machine.main_pid("a") not in (0, main) and machine.status("a")["state"] == "active")
        self.assertEqual(shown()["exit"]["code"], signal.SIGKILL)
        self.kill_manager(machine)
        wait_until("the manager answers", lambda: machine.initctl("list", check=False).returncode == 0)
        self.assertEqual(shown()["exit"]["code"], signal.SIGKILL)

    def test_F16_a_pid_file_is_a_hint(self):
        """The right one counts; one that names initd does not."""
        good = service("fork", 1, "worker", "pid-file", "/run/good.pid", "sleep", keys=self.KEYS + '\npid-file = "/run/good.pid"')
        bad = service("fork", 1, "sleep", keys=self.KEYS + '\npid-file = "/run/bad.pid"')
        machine = self.machine({"good.service": good, "bad.service": bad})
        machine.inside("sh", "-c", "echo 1 > /run/bad.pid")
        machine.initctl("start", "good", "bad")
        said = wait_until("the PID file", lambda: machine.inside("cat", "/run/good.pid", check=False).stdout)
        self.assertEqual(machine.main_pid("good"), int(said))
        self.assertGreater(machine.main_pid("bad"), 1)
        machine.initctl("stop", "good", "bad")
        self.assertTrue(alive(machine.pid))
        self.assertEqual(machine.services(), [])

    def test_it_outlives_the_manager(self):
        machine = self.machine({"a.service": service("fork", 2, "pid-file", "/run/a.service", "sleep", keys=self.KEYS)})
        machine.initctl("start", "a")
        main = self.last_fork(machine, "a.service")
        self.kill_manager(machine)
        wait_until("the manager answers", lambda: machine.initctl("list", check=False).returncode == 0)
        self.assertEqual(machine.main_pid("a"), main)
        os.kill(machine.host_pid(main), signal.SIGTERM)
        machine.wait_for_state("a", "inactive")


class IdleTest(Case):
    def test_it_waits_until_nothing_else_is_being_started(self):
        machine = self.machine()
        fifo = self.fifo(machine, "go")
        machine.write_unit("a.service", service("sleep", keys='type = "idle"'))
        machine.write_unit("b.service", service("await", fifo, "say", "READY=1", "sleep", keys=NOTIFY))
        machine.initctl("daemon-reload")
        machine.initctl("start", "b", "--no-block")
        start = self.start_in_background(machine, "a")
        machine.wait_for_state("a", "activating")
        self.assertEqual(machine.main_pid("a"), 0)
        self.kill_manager(machine)
        self.assertEqual(machine.main_pid("a"), 0)
        self.open_fifo(fifo)
        self.assertEqual(start.wait(DEADLINE), 0)
        self.assertEqual(machine.status("b")["state"], "active")
        self.assertTrue(machine.main_pid("a"))

    def test_it_does_not_wait_for_ever(self):
        machine = self.machine({"a.service": service("sleep", keys='type = "idle"'), "b.service": service("sleep", keys=NOTIFY)})
        machine.initctl("start", "b", "--no-block")
        began = time.monotonic()
        machine.initctl("start", "a")
        self.assertGreaterEqual(time.monotonic() - began, 4.5)
        self.assertEqual(machine.status("b")["state"], "activating")


@unittest.skipUnless(shutil.which("redis-server"), "needs redis-server")
class RedisTest(Case):
    """A daemon with native readiness."""

    def test_it_says_ready_itself(self):
        command = '["/usr/bin/redis-server", "--supervised", "systemd", "--save", "", "--dir", "/var/lib/redis"]'
        text = f'[service]\ntype = "notify"\nuser = "redis"\ncommand = {command}\n'
        with Machine({"redis.service": text}, options=["--tmpfs", "/var/lib/redis"]) as machine:
            machine.initctl("start", "redis")
            self.assertEqual(machine.inside("redis-cli", "ping").stdout, "PONG\n")
            self.assertEqual(machine.status("redis")["status_text"], "Ready to accept connections")
            machine.initctl("stop", "redis")
            self.assertEqual(machine.services(), [])


if __name__ == "__main__":
    unittest.main()
