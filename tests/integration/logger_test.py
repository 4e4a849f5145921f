"""What units write reaches their logs, whatever dies."""

import os
import signal
import stat
import unittest

from hooks_test import OWN_ETC
from machine import PROGRAMS, Machine, read, wait_until

KILLS = int(os.environ.get("INITD_KILLS", "10"))

TALK = """[service]
command = ["/bin/sh", "-c", "echo to stdout; echo '<3>to stderr' >&2; exec sleep infinity"]
"""
COUNT = """[service]
command = ["/bin/sh", "-c", "i=0; while [ $$i -lt {lines} ]; do echo line $$i; i=$$((i+1)); done; exec sleep infinity"]
[log]
size = "{size}"
compress = false
"""


# Each counts, and kills itself after every so many lines.
WRITER = """[service]
command = ["/bin/sh", "-c", "i=$(tail -n 1 {0}/wrote); while [ $$i -lt 5000 ]; do i=$$((i+1)); echo $$i; echo $$i >>{0}/wrote; [ $$((i % 700)) != 0 ] || kill -9 $$$$; done; exec sleep infinity"]
stdout = "unit:reader.service"
restart = "always"
restart-delay = "10ms"
restart-delay-max = "10ms"
"""
READER = """[service]
command = ["/bin/sh", "-c", "while read i; do echo $$i >>{0}/read; [ $$((i % 900)) != 0 ] || kill -9 $$$$; done"]
restart = "always"
restart-delay = "10ms"
restart-delay-max = "10ms"
"""


class UnitPipeTest(unittest.TestCase):
    def test_no_byte_between_two_services_is_lost_when_either_or_the_manager_is_killed(self):
        with Machine() as machine:
            (machine.place / "wrote").write_text("0\n")
            for name, text in (("writer", WRITER), ("reader", READER)):
                machine.write_unit(f"{name}.service", text.format(machine.place))
            machine.initctl("daemon-reload")
            machine.initctl("start", "writer")
            machine.wait_for_state("reader", "active")
            for _ in range(3):
                os.kill(dead := wait_until("a manager lives", machine.manager), signal.SIGKILL)
                wait_until("the next one lives", lambda dead=dead: machine.manager() not in (0, dead))
            numbers = "".join(f"{i}\n" for i in range(1, 5001))
            wait_until("all is written", lambda: read(machine.place / "wrote").endswith("\n5000\n"))
            wait_until("all is read", lambda: read(machine.place / "read").endswith("\n5000\n"))
            self.assertEqual(read(machine.place / "read"), numbers)

    def test_what_is_written_while_the_reader_is_stopped_waits_for_it(self):
        with Machine() as machine:
            script = f"trap 'echo 2; touch {machine.place}/said' USR1; echo 1; while :; do sleep 0.05; done"
            machine.write_unit("a.service", f'[service]\ncommand = ["/bin/sh", "-c", "{script}"]\nstdout = "unit:b.service"\n')
            machine.write_unit("b.service", READER.format(machine.place))
            machine.write_unit("c.service", READER.format(machine.place) + 'stdin = "data:x"\n')
            machine.write_unit("d.service", '[service]\ncommand = ["/bin/true"]\nstderr = "unit:c.service"\n')
            machine.initctl("daemon-reload")
            machine.initctl("start", "a")
            wait_until("it is read", lambda: read(machine.place / "read") == "1\n")
            writer = machine.main_pid("a")
            machine.initctl("stop", "b")
            os.kill(machine.host_pid(writer), signal.SIGUSR1)
            wait_until("it has said it", (machine.place / "said").exists)
            machine.initctl("start", "b")
            wait_until("it is read", lambda: read(machine.place / "read") == "1\n2\n")
            self.assertEqual(machine.main_pid("a"), writer)
            refused = machine.initctl("start", "d", check=False)
            self.assertRegex(refused.stderr, r"d\.service\.toml:3.*stderr: has a stdin of its own.*c\.service")


class LoggerTest(unittest.TestCase):
    def test_lines_are_stored_with_stream_severity_and_invocation(self):
        with Machine({"a.service": TALK}) as machine:
            machine.initctl("start", "a")
            wait_until("both are there", lambda: len(machine.log("a.service").splitlines()) == 2)
            text = read(machine.logs / "a.service/current")
            self.assertRegex(text, r"(?m)^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z o6 to stdout$")
            self.assertRegex(text, r"(?m)^\S+Z e3 <3>to stderr$")
            invocation = read(f"/proc/{machine.host_pid(machine.main_pid('a'))}/environ").split("INVOCATION_ID=")[1][:32]
            self.assertIn(f"=- {invocation} ", text)
            mode = os.stat(machine.logs / "a.service/current").st_mode
            self.assertEqual(stat.S_IMODE(mode), 0o640)

    def test_status_shows_the_last_lines_of_this_invocation_and_a_failing_start_too(self):
        with Machine({"a.service": TALK, "b.service": '[service]\ncommand = ["/bin/sh", "-c", "echo why; exit 3"]\n'
                                                      'type = "oneshot"\nrestart = "no"\n'}) as machine:  # fmt: skip
            machine.initctl("start", "a")
            wait_until("both are shown", lambda: sorted(machine.status("a").get("log_tail", [])) == ["to stderr", "to stdout"])
            machine.initctl("restart", "a")
            wait_until("only the new ones", lambda: sorted(machine.status("a").get("log_tail", [])) == ["to stderr", "to stdout"])
            self.assertEqual(machine.initctl("start", "b", check=False).returncode, 1)
            wait_until("it says why", lambda: machine.status("b").get("log_tail") == ["why"])

    def test_a_failing_start_always_prints_what_the_service_said(self):
        failing = '[service]\ntype = "{}"\ncommand = ["/bin/sh", "-c", "echo one; printf \'last words\'; exit 3"]\nrestart = "no"\n'
        with Machine({"a.service": failing.format("oneshot"), "b.service": failing.format("notify"),
                      "c.service": '[unit]\nrequires = ["a.service"]\n[service]\ncommand = ["sleep", "1d"]\n'}) as machine:  # fmt: skip
            for _ in range(40):
                for unit in "abc":
                    told = machine.initctl("start", unit, check=False)
                    self.assertEqual(told.returncode, 1)
                    self.assertRegex(told.stdout + told.stderr, r"one\n.*last words\n")

    def test_a_failing_start_waits_for_no_logger_that_is_stopped(self):
        unit = '[service]\ntype = "oneshot"\ncommand = ["/bin/sh", "-c", "exit 3"]\nrestart = "no"\n'
        with Machine({"a.service": unit}) as machine:
            os.kill(wait_until("the logger runs", machine.logger), signal.SIGSTOP)
            self.assertEqual(machine.initctl("start", "a", check=False).returncode, 1)

    def test_F49_neither_the_death_of_the_logger_nor_of_the_manager_costs_a_line_or_a_service(self):
        lines = 20000
        with Machine({"a.service": COUNT.format(lines=lines, size="64M")}) as machine:
            machine.initctl("start", "a")
            before = machine.main_pid("a")
            for turn in range(4):
                for victim in (machine.logger, machine.manager):
                    dead = wait_until("it lives", victim)
                    os.kill(dead, signal.SIGKILL)
                    wait_until("the next one lives", lambda victim=victim, dead=dead: victim() not in (0, dead))
            expected = "".join(f"line {i}\n" for i in range(lines))
            wait_until("all lines are there", lambda: machine.log("a.service").endswith(f"line {lines - 1}\n"))
            self.assertEqual(machine.log("a.service"), expected)
            self.assertEqual(machine.main_pid("a"), before)

    def test_F49_fifty_services_write_while_the_logger_is_killed(self):
        """20,000 numbered lines a second from 50 services: none is lost, torn or doubled, and none of them ends."""
        services = [f"u{number}.service" for number in range(50)]
        with Machine() as machine:
            enough = machine.place / "enough"
            for unit in services:
                machine.write_unit(unit, f'[service]\ncommand = ["{PROGRAMS}/herald", "lines", "{enough}", "sleep"]\n')
            machine.initctl("daemon-reload")
            machine.initctl("start", *services)
            wait_until("all write", lambda: all(machine.log(unit) for unit in services))
            for _ in range(KILLS):
                dead = wait_until("a logger lives", machine.logger)
                os.kill(dead, signal.SIGKILL)
                wait_until("the next one lives", lambda dead=dead: machine.logger() not in (0, dead))
            enough.touch()
            for unit in services:
                wait_until(f"all of {unit} is there", lambda unit=unit: machine.log(unit).endswith("end\n"))
                lines = machine.log(unit).splitlines()
                self.assertEqual(lines, [*map(str, range(len(lines) - 1)), "end"], unit)
                self.assertEqual(machine.status(unit)["restarts"], 0)

    def test_the_last_words_of_a_service_that_ends_are_kept(self):
        script = "trap 'echo farewell; exit' TERM; echo ready; while :; do sleep 0.1; done"
        with Machine({"a.service": f'[service]\ncommand = ["/bin/sh", "-c", "{script}"]\n'}) as machine:
            machine.initctl("start", "a")
            wait_until("it is ready", lambda: "ready" in machine.log("a.service"))
            machine.poweroff()
            said = [line for line in machine.log("a.service").splitlines() if line != "Terminated"]  # the shell's
            self.assertEqual(said, ["ready", "farewell"])

    def test_initd_says_its_own_in_the_log_initd(self):
        with Machine({"a.service": '[service]\ncommand = ["/nonexistent"]\nrestart = "no"\n'}) as machine:
            machine.initctl("start", "a", check=False)
            wait_until("it is said", lambda: "a.service" in machine.log("initd"))
            self.assertIn("a.service", machine.initctl("logs", "initd").stdout)

    def test_in_a_container_lines_are_shown_on_its_own_output_as_well(self):
        noisy = TALK.replace("to stderr", "to \\\\033[2J stderr")
        with Machine({"a.service": noisy, "b.service": COUNT.format(lines=2000, size="64K")}) as machine:
            machine.initctl("start", "a", "b")
            console = machine.place / "console"
            wait_until("both are shown", lambda: "\na: to stdout\n" in read(console) and "\na: to \\x1b[2J stderr\n" in read(console))
            wait_until("all are shown", lambda: "\nb: line 1999\n" in read(console))
            shown = [line for line in read(console).splitlines() if line.startswith("b: ")]
            self.assertEqual(shown, [f"b: line {i}" for i in range(2000)])

    def test_lines_are_sent_on_under_the_log_identifier(self):
        named = TALK.replace("[service]\n", '[service]\nlog-identifier = "web@1"\n')
        with Machine({"a.service": named}) as machine:
            machine.initctl("start", "a")
            wait_until("it is shown", lambda: "\nweb@1: to stdout\n" in read(machine.place / "console"))
            self.assertIn("to stdout", machine.initctl("logs", "--raw", "a").stdout)
            machine.write_unit("a.service", named.replace("web@1", "no name"))
            self.assertIn("is no identifier", machine.initctl("daemon-reload", check=False).stderr)

    def test_F48_early_lines_wait_in_memory_and_go_home_once(self):
        with Machine({"a.service": TALK, "b.service": TALK}) as machine:
            away = machine.place / "away"
            machine.logs.rename(away)
            machine.logs.write_text("no directory")
            machine.initctl("start", "a", "b")
            shown = lambda unit: machine.initctl("logs", "--raw", unit, check=False).stdout  # noqa: E731
            for unit in "ab":
                wait_until("memory is read", lambda unit=unit: shown(unit).count("\n") == 2)
            said = machine.initctl("logs", "--json", "a", "b", check=False).stdout
            wait_until("status says so", lambda: "lines are kept in memory" in machine.initctl("status", "a").stdout)
            machine.initctl("stop", "b")
            for _ in range(3):
                os.kill(dead := machine.logger(), signal.SIGKILL)
                wait_until("the next one lives", lambda dead=dead: machine.logger() not in (0, dead))
            machine.logs.unlink()
            away.rename(machine.logs)
            for unit in "ab":
                wait_until("it went home", lambda unit=unit: not (machine.runtime / f"log/{unit}.service").exists())
            self.assertEqual(machine.initctl("logs", "--json", "a", "b").stdout, said)
            wait_until("status has forgotten it", lambda: "kept in memory" not in machine.initctl("status", "a").stdout)

    def test_initd_toml_keeps_lines_from_the_containers_own_output(self):
        said = '[service]\ncommand = ["/bin/sh", "-c", "trap \'echo later\' USR1; echo first; while :; do sleep 0.05; done"]\n'
        with Machine({"a.service": said, "b.service": TALK}) as machine:
            console = machine.place / "console"
            machine.initctl("start", "a")
            wait_until("it is shown", lambda: "\na: first\n" in read(console))
            (machine.place / "initd.toml").write_text("[container]\nforward-logs = false\n")
            machine.inside("sh", "-ec", OWN_ETC.format(machine.place / "initd.toml"))
            machine.initctl("daemon-reload")
            machine.initctl("start", "b")
            wait_until("both are kept", lambda: len(machine.log("b.service").splitlines()) == 2)
            os.kill(machine.host_pid(machine.main_pid("a")), signal.SIGUSR1)  # whose output was opened before
            wait_until("it is shown", lambda: "\na: later\n" in read(console))
            self.assertNotIn("b: ", read(console))

    def test_lines_go_to_the_kernels_buffer_with_their_severity(self):
        word = f"word-{os.getpid()}"
        unit = f'[service]\ncommand = ["/bin/sh", "-c", "echo \'<3>{word} one\'; echo {word} two; exec sleep infinity"]\nstdout = "kmsg"\n'
        try:
            kernel = os.open("/dev/kmsg", os.O_RDWR | os.O_NONBLOCK)
        except OSError as error:
            self.skipTest(f"/dev/kmsg: {error}")
        os.lseek(kernel, 0, os.SEEK_END)
        found = []

        def both():
            try:
                while text := os.read(kernel, 8192).decode(errors="replace"):
                    if word in text:
                        found.append((text.partition(",")[0], text.partition(";")[2].splitlines()[0]))
            except OSError:  # no more for now, or some were overwritten
                pass
            return len(found) == 2

        with Machine({"web.service": unit}) as machine:
            machine.initctl("start", "web")
            wait_until("both are there", both)
            wait_until("they are kept as well", lambda: machine.log("web.service") == f"<3>{word} one\n{word} two\n")
        os.close(kernel)
        self.assertEqual(found, [("27", f"web: {word} one"), ("30", f"web: {word} two")])

    def test_lines_go_to_the_console_with_the_name_of_the_unit(self):
        with Machine({"web.service": TALK + 'stdout = "console"\n'}) as machine:
            ours, theirs = os.openpty()
            machine.inside("mount", "--bind", os.ttyname(theirs), "/dev/console")
            machine.initctl("start", "web")
            said = b""
            while not said.endswith(b"\n"):
                said += os.read(ours, 4096)
            self.assertRegex(said, rb"^\x1b\[3[1-6]mweb:\x1b\[0m to stdout\r\n$")
            wait_until("all is kept", lambda: len(machine.log("web.service").splitlines()) == 2)
            os.close(theirs)
            os.close(ours)

    def test_files_are_closed_by_size_and_the_oldest_go(self):
        with Machine({"a.service": COUNT.format(lines=20000, size="64K") + "count = 2\n"}) as machine:
            machine.initctl("start", "a")
            wait_until("all lines are there", lambda: machine.log("a.service").endswith("line 19999\n"))
            wait_until("no more than these are left", lambda: len(list((machine.logs / "a.service").iterdir())) == 3)

    def test_without_a_logger_units_write_to_plain_files_and_it_is_said(self):
        with Machine({"a.service": TALK}, logger=False) as machine:
            machine.initctl("start", "a")
            wait_until("both are there", lambda: read(machine.logs / "a.service.log") == "to stdout\n<3>to stderr\n")
            wait_until("it is said", lambda: "the logger cannot run" in read(machine.place / "console"))


if __name__ == "__main__":
    unittest.main()
