"""Real daemons of Debian run under initd: each answers a request as soon as its start is over, runs as its own user,
reloads, survives kill -9 by its restart policy, stops cleanly and leaves no process behind."""

import contextlib
import os
import pwd
import signal
import unittest

from machine import EXAMPLES, Machine, wait_until

STATE = [word for path in ("nginx", "redis", "postgresql", "unbound", "chrony", "mosquitto") for word in ("--tmpfs", f"/var/lib/{path}")]
CRON = ["--tmpfs", "/etc/cron.d", "--hide", "/etc/crontab", "--tmpfs", "/var/spool/cron"]


class Daemon:
    """What holds for each of them. A subclass names the unit, and what it does for whom."""

    unit = ""
    user = "root"
    answer_within = 100  # seconds from the start
    asked_again = True  # after the reload and the kill, too
    ready = True  # its start is over when it answers, and not before
    reloads = True
    forks = False  # what has ended last is then the first process of the next run
    changes = ()  # what stands in the unit, and what instead of it in the test

    def ask(self, machine):
        """True when the daemon does its work."""
        raise NotImplementedError

    def prepare(self, machine):
        """Before the start of the unit."""

    def users(self, machine):
        """Names of the users that the unit's processes run as."""
        found = set()
        for pid in machine.services():
            with contextlib.suppress(FileNotFoundError):  # ended since
                found.add(pwd.getpwuid(os.stat(f"/proc/{pid}").st_uid).pw_name)
        return found

    def wait_for_answer(self, machine):
        wait_until(f"{self.unit} answers", lambda: self.ask(machine), self.answer_within)

    def test_it_serves_survives_and_stops(self):
        with Machine(directories=[EXAMPLES], units={"default.target": "[unit]\n"}, options=STATE + CRON) as machine:
            self.prepare(machine)
            self.change_unit(machine)
            machine.initctl("start", self.unit)
            if self.ready:
                self.assertTrue(self.ask(machine), "it is active and does not answer")
            self.wait_for_answer(machine)
            self.assertIn(self.user, self.users(machine))
            if self.reloads:
                self.check_reload(machine)
            self.check_kill(machine)
            self.check_stop(machine)
            self.assertEqual(machine.poweroff(), 0)

    def change_unit(self, machine):
        text = (EXAMPLES / f"{self.unit}.toml").read_text(encoding="utf-8")
        for before, after in self.changes:
            self.assertIn(before, text)
            text = text.replace(before, after)
        machine.write_unit(self.unit, text)
        machine.initctl("daemon-reload")

    def check_reload(self, machine):
        before = machine.main_pid(self.unit)
        machine.initctl("reload", self.unit)
        if self.asked_again:
            self.wait_for_answer(machine)
        machine.wait_for_state(self.unit, "active")
        self.assertEqual(machine.main_pid(self.unit), before)

    def check_kill(self, machine):
        before = machine.main_pid(self.unit)
        os.kill(machine.host_pid(before), signal.SIGKILL)
        wait_until("another main process", lambda: machine.main_pid(self.unit) not in (0, before))
        machine.wait_for_state(self.unit, "active")
        if self.asked_again:
            self.wait_for_answer(machine)
        status = machine.status(self.unit)
        self.assertEqual(status["restarts"], 1, status)
        if not self.forks:
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
    reloads = False

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
    answer_within = 200  # it works on the minute
    ready = reloads = False
    asked_again = False  # one minute is enough
    JOB = "* * * * * nobody /bin/date > /run/shared/ran\n"

    def prepare(self, machine):
        machine.inside("sh", "-c", f"mkdir -m 1777 /run/shared && echo '{self.JOB.strip()}' > /etc/cron.d/job")

    def ask(self, machine):
        return machine.inside("rm", "/run/shared/ran", check=False).returncode == 0


def talk(machine, port, words, kind="STREAM"):
    """Sends bytes to a local port of the machine; what comes back, as text."""
    program = (f"import socket; s = socket.socket(type=socket.SOCK_{kind}); s.settimeout(5); s.connect(('127.0.0.1', {port})); "
               f"s.send({words!r}); print(s.recv(4096))")  # fmt: skip
    return machine.inside("python3", "-c", program, check=False).stdout


class UnboundTest(Daemon, unittest.TestCase):
    unit = "unbound.service"
    user = "unbound"
    changes = [('["/usr/sbin/unbound", "-d", "-p"]', '["/usr/sbin/unbound", "-d", "-p", "-c", "/run/unbound.conf"]'),
               ('["/usr/sbin/unbound-checkconf"]', '["/usr/sbin/unbound-checkconf", "/run/unbound.conf"]')]  # fmt: skip
    # The question for the address of "localhost".
    QUESTION = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x09localhost\x00\x00\x01\x00\x01"

    def prepare(self, machine):
        machine.inside("sh", "-c", "printf 'server:\n  use-syslog: no\n' >/run/unbound.conf")

    def ask(self, machine):
        return "\\x7f\\x00\\x00\\x01" in talk(machine, 53, self.QUESTION, "DGRAM")


class ChronyTest(Daemon, unittest.TestCase):
    unit = "chrony.service"
    user = "_chrony"
    forks = True
    changes = [('"-F", "1"', '"-F", "1", "-x"')]  # the clock is the host's

    def ask(self, machine):
        return "Reference ID" in machine.inside("chronyc", "tracking", check=False).stdout


class HaproxyTest(Daemon, unittest.TestCase):
    unit = "haproxy.service"
    user = "haproxy"
    changes = [("/etc/haproxy/haproxy.cfg", "/run/haproxy.cfg")]
    CONFIG = """global
  user haproxy
  group haproxy
defaults
  mode http
  timeout connect 5s
  timeout client 5s
  timeout server 5s
frontend test
  bind 127.0.0.1:8080
  http-request return status 200 content-type text/plain string "balanced"
"""

    def prepare(self, machine):
        machine.inside("sh", "-c", f"cat >/run/haproxy.cfg <<'.'\n{self.CONFIG}.\n")

    def ask(self, machine):
        return machine.inside("curl", "--silent", "http://127.0.0.1:8080/", check=False).stdout == "balanced"


class MemcachedTest(Daemon, unittest.TestCase):
    unit = "memcached.service"
    user = "memcache"

    def ask(self, machine):
        return "STORED" in talk(machine, 11211, b"set a 0 0 1\r\nx\r\n")


class MosquittoTest(Daemon, unittest.TestCase):
    unit = "mosquitto.service"
    user = "mosquitto"
    CONNECT = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01a"

    def ask(self, machine):
        return "b' \\x02\\x00\\x00'" in talk(machine, 1883, self.CONNECT)


class RsyslogTest(Daemon, unittest.TestCase):
    unit = "rsyslog.service"
    changes = [('"-iNONE"', '"-iNONE", "-f", "/run/rsyslog.conf"')]  # a socket and a file of its own
    CONFIG = """module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="/run/log.socket")
*.* /run/messages
"""

    def prepare(self, machine):
        machine.inside("sh", "-c", f"cat >/run/rsyslog.conf <<'.'\n{self.CONFIG}.\n")

    def ask(self, machine):
        """A line of its own each time: what is written comes a moment after what was sent."""
        self.said = getattr(self, "said", 0) + 1
        machine.inside("logger", "--socket", "/run/log.socket", f"line {self.said}.", check=False)
        heard = lambda: f"line {self.said}." in machine.inside("cat", "/run/messages", check=False).stdout  # noqa: E731
        try:
            return wait_until("it is written", heard, 10)
        except TimeoutError:
            return False


class SshdTest(Daemon, unittest.TestCase):
    unit = "sshd.service"

    def ask(self, machine):
        return "SSH-2.0-OpenSSH" in talk(machine, 22, b"SSH-2.0-test\r\n")


class DbusTest(Daemon, unittest.TestCase):
    unit = "dbus.service"
    user = "messagebus"
    QUESTION = ("--system", "--print-reply", "--dest=org.freedesktop.DBus", "/", "org.freedesktop.DBus.GetId")

    def ask(self, machine):
        return "string" in machine.inside("dbus-send", *self.QUESTION, check=False).stdout


if __name__ == "__main__":
    unittest.main()
