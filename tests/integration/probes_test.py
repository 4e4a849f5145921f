"""[ready] and [health]: real daemons are waited for and looked after; what a probe starts is nothing of its unit's."""

import os
import signal
import unittest

from machine import Machine, wait_until

REDIS = 'exec /usr/bin/redis-server --port 6379 --unixsocket /run/redis.sock --pidfile /run/redis.pid --save \\"\\"'
NGINX = "exec /usr/sbin/nginx -g 'daemon off;'"
PING = '["/bin/sh", "-c", "redis-cli ping | grep -q PONG"]'
STATE = ["--tmpfs", "/var/lib/nginx", "--tmpfs", "/var/lib/redis"]


def late(machine_file, program):
    """Does nothing until the file is there."""
    return f"until [ -e {machine_file} ]; do sleep 0.02; done; {program}"


def service(script, more=""):
    return f'[service]\ncommand = ["/bin/sh", "-c", "{script}"]\nstop-timeout = "2s"\n{more}'


class ReadinessTest(unittest.TestCase):
    def check(self, program, probe):
        """It is not active before it answers, and is soon after."""
        with Machine(options=STATE) as machine:
            gate = machine.place / "gate"
            ready = f'[ready]\n{probe}\ninterval = "20ms"\n[directories]\nlogs = "nginx"\n'
            machine.write_unit("a.service", service(late(gate, program), ready))
            machine.initctl("daemon-reload")
            machine.initctl("start", "a", "--no-block")
            wait_until("it waits", lambda: machine.status("a").get("substate") == "awaiting readiness")
            self.assertEqual(machine.status("a")["state"], "activating")
            gate.touch()
            machine.wait_for_state("a", "active")
            machine.initctl("stop", "a")
            self.assertEqual(machine.services(), [])
            self.assertEqual(machine.poweroff(), 0)

    def test_of_nginx_by_http(self):
        self.check(NGINX, 'http = "http://127.0.0.1/"')

    def test_of_nginx_by_a_status_and_a_text(self):
        self.check(NGINX, 'http = "http://127.0.0.1/no-such-page"\nstatus = 404\nbody = "nginx"')

    def test_of_redis_by_tcp(self):
        self.check(REDIS, 'tcp = "127.0.0.1:6379"')

    def test_of_redis_by_its_socket(self):
        self.check(REDIS, 'unix = "/run/redis.sock"')

    def test_of_redis_by_a_socket_that_a_child_looks_for(self):
        self.check(REDIS.replace("/run/redis.sock", "/tmp/redis.sock"), 'unix = "/tmp/redis.sock"')

    def test_of_redis_by_a_path(self):
        self.check(REDIS, 'path = "/run/redis.sock"')

    def test_of_redis_by_a_command(self):
        self.check(REDIS, f"command = {PING}")

    def test_of_anything_by_time(self):
        with Machine({"a.service": service("exec sleep 1000", '[ready]\nalive-for = "200ms"\n')}) as machine:
            machine.initctl("start", "a")
            self.assertEqual(machine.status("a")["state"], "active")

    def test_what_is_not_ready_in_time_fails_and_says_why(self):
        probe = '[ready]\ntcp = "127.0.0.1:1"\ninterval = "20ms"\ndeadline = "1s"\n'
        with Machine({"a.service": service("exec sleep 1000", 'restart = "no"\n' + probe)}) as machine:
            done = machine.initctl("start", "a", check=False)
            self.assertEqual(done.returncode, 1)
            machine.wait_for_state("a", "failed")
            self.assertIn("not ready in time: tcp 127.0.0.1:1: connect: Connection refused", machine.initctl("status", "a", check=False).stdout)
            self.assertEqual(machine.services(), [])

    WAITS = service("exec sleep 1000", '[ready]\ntrigger = true\n')

    def test_of_anything_by_somebody_who_says_so(self):
        units = {"a.service": self.WAITS, "b.service": service("exec sleep 1000")}
        with Machine(units) as machine:
            refused = machine.json("trigger", "a")
            self.assertEqual(refused["error"], "org.initd.Manager.Failed")
            for before in (lambda: None, lambda: os.kill(machine.manager(), signal.SIGKILL)):
                machine.initctl("start", "a", "--no-block")
                wait_until("it waits", lambda: machine.status("a").get("substate") == "awaiting readiness")
                before()
                self.assertEqual(machine.json("trigger", "a"), {})
                self.assertEqual(machine.status("a")["state"], "active")
                machine.initctl("trigger", "a")  # once more is no news
                machine.initctl("stop", "a")
            machine.initctl("start", "b")
            done = machine.initctl("trigger", "a", "b", "missing", check=False)
            self.assertEqual(done.returncode, 5)
            for unit in "ab":
                self.assertIn(f"{unit}.service does not wait to be told", done.stderr)

    def test_what_is_said_before_anybody_waits_for_it_counts_for_this_run(self):
        """Its own pre-start step says so, over the death of the manager; the next run waits again."""
        with Machine() as machine:
            gate, said = machine.place / "gate", machine.place / "said"
            initctl = " ".join(machine.command("trigger", "a"))
            step = f'test -e {said} || {{ {initctl}; touch {said}; until test -e {gate}; do sleep 0.02; done; }}'
            machine.write_unit("a.service", service("exec sleep 1000", f'pre-start = [["/bin/sh", "-c", "{step}"]]\n[ready]\ntrigger = true\n'))
            machine.initctl("daemon-reload")
            machine.initctl("start", "a", "--no-block")
            wait_until("it is said", said.exists)
            manager = machine.manager()
            os.kill(manager, signal.SIGKILL)
            wait_until("another manager", lambda: machine.manager() not in (0, manager))
            gate.touch()
            machine.wait_for_state("a", "active")
            machine.initctl("restart", "a", "--no-block")
            wait_until("it waits", lambda: machine.status("a").get("substate") == "awaiting readiness")

    def test_who_is_never_told_fails_in_time(self):
        text = service("exec sleep 1000", 'restart = "no"\n[ready]\ntrigger = true\ndeadline = "200ms"\n')
        with Machine({"a.service": text}) as machine:
            self.assertEqual(machine.initctl("start", "a", check=False).returncode, 1)
            self.assertIn("not ready in time: trigger: nothing so far", machine.status("a")["result"])

    LINE = '[ready]\nlog-line = "^listening on [0-9]+"\n'

    def test_of_anything_by_a_line_that_it_prints(self):
        for stream in (1, 2):
            self.check(f"echo listening on nothing; echo listening on 80 >&{stream}; exec sleep 1000", 'log-line = "^listening on [0-9]+"')

    def test_of_redis_by_what_it_prints(self):
        self.check(REDIS, 'log-line = "Ready to accept connections"')

    def test_a_line_counts_whoever_dies_and_for_its_own_run(self):
        """The manager stands still, or the logger, while the line is printed, and is killed then; the next run prints none."""
        for victim in (Machine.manager, Machine.logger):
            with self.subTest(victim.__name__), Machine() as machine:
                gate, once = machine.place / "gate", machine.place / "once"
                script = late(gate, f"test -e {once} || echo listening on 80; touch {once}; exec sleep 1000")
                machine.write_unit("a.service", service(script, self.LINE))
                machine.initctl("daemon-reload")
                machine.initctl("start", "a", "--no-block")
                wait_until("it waits", lambda machine=machine: machine.status("a").get("substate") == "awaiting readiness")
                before = wait_until("it lives", lambda machine=machine, victim=victim: victim(machine))
                os.kill(before, signal.SIGSTOP)
                gate.touch()
                wait_until("it is printed", once.exists)
                os.kill(before, signal.SIGKILL)
                machine.wait_for_state("a", "active")
                self.assertNotEqual(victim(machine), before)
                machine.initctl("restart", "a", "--no-block")
                wait_until("it waits again", lambda machine=machine: machine.status("a").get("substate") == "awaiting readiness")

    def test_a_line_that_never_comes_fails_in_time(self):
        text = service("echo listening on nothing; exec sleep 1000", f'restart = "no"\n{self.LINE}deadline = "200ms"\n')
        for logger, why in (("initd-logger", "nothing so far"), (False, "the logger does not run")):
            with Machine({"a.service": text}, logger=logger) as machine:
                self.assertEqual(machine.initctl("start", "a", check=False).returncode, 1)
                self.assertIn(f"not ready in time: log-line ^listening on [0-9]+: {why}", machine.status("a")["result"])

    def test_what_no_line_can_answer_is_refused(self):
        refused = {
            '[ready]\nlog-line = "("\n': "is no regular expression: missing )",
            '[ready]\nlog-line = ""\n': '"" is empty',
            'stdout = "null"\nstderr = "null"\n[ready]\nlog-line = "x"\n': "log-line, and nothing goes to the log",
        }
        for keys, why in refused.items():
            with Machine({"a.service": service("exec sleep 1000", keys)}) as machine:
                self.assertIn(why, machine.initctl("verify", str(machine.unit_directory), check=False).stdout)


class HealthTest(unittest.TestCase):
    READY = '[ready]\ntcp = "127.0.0.1:6379"\ninterval = "20ms"\n'
    HEALTH = READY + f'[health]\ncommand = {PING}\ninterval = "50ms"\ntimeout = "2s"\nfailures = 2\n'

    def start(self, machine):
        machine.initctl("start", "a")
        pid = machine.main_pid("a")
        wait_until("redis answers", lambda: machine.inside("redis-cli", "ping", check=False).stdout == "PONG\n")
        return pid

    def test_a_service_that_hangs_is_restarted(self):
        text = service(REDIS, 'restart-delay = "10ms"\nstop-timeout = "100ms"\n' + self.HEALTH).replace('stop-timeout = "2s"\n', "")
        with Machine({"a.service": text}) as machine:
            before = self.start(machine)
            os.kill(machine.host_pid(before), signal.SIGSTOP)
            wait_until("another main process", lambda: machine.main_pid("a") not in (0, before))
            machine.wait_for_state("a", "active")
            self.assertEqual(machine.status("a")["restarts"], 1)
            self.assertEqual(machine.inside("redis-cli", "ping").stdout, "PONG\n")

    def test_status_and_why_say_that_it_was_unhealthy(self):
        text = service(REDIS, 'restart = "no"\n' + self.HEALTH).replace('"2s"', '"100ms"')
        with Machine({"a.service": text}) as machine:
            os.kill(machine.host_pid(self.start(machine)), signal.SIGSTOP)
            machine.wait_for_state("a", "failed")
            for verb in ("status", "why"):
                said = machine.initctl(verb, "a", check=False).stdout
                self.assertIn("unhealthy: command /bin/sh: no answer in time", said)

    def test_what_a_probe_leaves_is_ended_and_never_its_units(self):
        probe = '[health]\ncommand = ["/bin/sh", "-c", "sleep 2000 & exit 0"]\ninterval = "20ms"\n'
        with Machine({"a.service": service("exec sleep 1000", probe)}) as machine:
            machine.initctl("start", "a")
            wait_until("a probe has run", lambda: len(machine.services()) > 1)
            self.assertEqual(len(machine.status("a")["processes"]), 1)
            machine.initctl("stop", "a")
            wait_until("nothing is left", lambda: machine.services() == [])

    def test_a_probe_that_hangs_blocks_no_stop(self):
        probe = '[health]\ncommand = ["/bin/sh", "-c", "trap : TERM; sleep 2000"]\ninterval = "20ms"\ntimeout = "1h"\n'
        with Machine({"a.service": service("exec sleep 1000", probe)}) as machine:
            machine.initctl("start", "a")
            wait_until("the probe runs", lambda: len(machine.services()) > 1)
            machine.initctl("stop", "a")
            wait_until("nothing is left", lambda: machine.services() == [])

    def test_probes_go_on_after_the_manager_died(self):
        text = service(REDIS, 'restart = "no"\n' + self.HEALTH).replace('"2s"', '"100ms"')
        with Machine({"a.service": text}) as machine:
            pid = machine.host_pid(self.start(machine))
            manager = machine.manager()
            os.kill(manager, signal.SIGKILL)
            wait_until("another manager", lambda: machine.manager() not in (0, manager))
            self.assertEqual(machine.status("a")["state"], "active")
            os.kill(pid, signal.SIGSTOP)
            machine.wait_for_state("a", "failed")
            wait_until("nothing is left", lambda: machine.services() == [])


if __name__ == "__main__":
    unittest.main()
