"""Real daemons of Debian run under initd: each answers a request, runs as its own user, survives kill -9 by its restart
policy, stops cleanly and leaves no process behind."""

import os
import pwd
import signal
import unittest

from machine import EXAMPLES, Machine, wait_until

STATE = [word for path in ("nginx", "redis", "postgresql") for word in ("--tmpfs", f"/var/lib/{path}")]
CRON = ["--tmpfs", "/etc/cron.d", "--hide", "/etc/crontab", "--tmpfs", "/var/spool/cron"]


class Daemon:
    """What holds for each of them. A subclass names the unit, and what it does for whom."""

    unit = ""
    user = "root"
    answer_within = 30  # seconds from the start
    asked_again = True  # after the kill, too

    def ask(self, machine):
        """True when the daemon does its work."""
        raise NotImplementedError

    def prepare(self, machine):
        """Before the start of the unit."""

    def users(self, machine):
        """Names of the users that the unit's processes run as."""
        return {pwd.getpwuid(os.stat(f"/proc/{pid}").st_uid).pw_name for pid in machine.services()}

    def wait_for_answer(self, machine):
        wait_until(f"{self.unit} answers", lambda: self.ask(machine), self.answer_within)

    def test_it_serves_survives_and_stops(self):
        with Machine(directories=[EXAMPLES], units={"default.target": "[unit]\n"}, options=STATE + CRON) as machine:
            self.prepare(machine)
            machine.initctl("start", self.unit)
            self.wait_for_answer(machine)
            self.assertIn(self.user, self.users(machine))
            self.check_kill(machine)
            self.check_stop(machine)
            self.assertEqual(machine.poweroff(), 0)

    def check_kill(self, machine):
        before = machine.main_pid(self.unit)
        os.kill(machine.host_pid(before), signal.SIGKILL)
        wait_until("another main process", lambda: machine.main_pid(self.unit) not in (0, before))
        machine.wait_for_state(self.unit, "active")
        if self.asked_again:
            self.wait_for_answer(machine)
        status = machine.status(self.unit)
        self.assertEqual(status["restarts"], 1, status)
        self.assertEqual((status["exit"]["kind"], status["exit"]["code"]), ("signaled", signal.SIGKILL), status)

    def check_stop(self, machine):
        machine.initctl("stop", self.unit)
        self.assertEqual(machine.status(self.unit)["state"], "inactive")
        self.assertEqual(machine.services(), [])


class NginxTest(Daemon, unittest.TestCase):
    unit = "nginx.service"
    user = "www-data"

    def ask(self, machine):
        return "nginx" in machine.inside("curl", "--silent", "http://127.0.0.1/", check=False).stdout


class RedisTest(Daemon, unittest.TestCase):
    unit = "redis.service"
    user = "redis"

    def ask(self, machine):
        return machine.inside("redis-cli", "ping", check=False).stdout == "PONG\n"

    def test_it_runs_as_nobody_else(self):
        with Machine(directories=[EXAMPLES], units={"default.target": "[unit]\n"}, options=STATE) as machine:
            machine.initctl("start", self.unit)
            self.assertEqual(self.users(machine), {"redis"})


class PostgresqlTest(Daemon, unittest.TestCase):
    unit = "postgresql.service"
    user = "postgres"

    def ask(self, machine):
        query = ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "psql", "-Atc", "select 40 + 2")
        return machine.inside(*query, check=False).stdout == "42\n"


class CronTest(Daemon, unittest.TestCase):
    unit = "cron.service"
    answer_within = 90  # it works on the minute
    asked_again = False  # one minute is enough
    JOB = "* * * * * nobody /bin/date > /run/shared/ran\n"

    def prepare(self, machine):
        machine.inside("sh", "-c", f"mkdir -m 1777 /run/shared && echo '{self.JOB.strip()}' > /etc/cron.d/job")

    def ask(self, machine):
        return machine.inside("rm", "/run/shared/ran", check=False).returncode == 0


if __name__ == "__main__":
    unittest.main()
