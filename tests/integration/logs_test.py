"""initctl logs: each option, over files that are current, rotated and compressed."""

import json
import os
import re
import subprocess
import time
import unittest

from client_test import Terminal
from machine import NOBODY, PROGRAMS, Machine, wait_until

BOOTS = ["b0" * 16, "b1" * 16]  # the one before, this one
RUNS = ["a1" * 16, "a2" * 16, "a3" * 16]
DAY = 1_700_000_000  # 2023-11-14 22:13:20 UTC


def stamp(second):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(DAY + second)) + ".000000Z"


def line(second, text, header="o6 "):
    return f"{stamp(second)} {header}".encode() + (text if isinstance(text, bytes) else text.encode()) + b"\n"


def mark(second, run, boot=1):
    return line(second, f"{RUNS[run]} {BOOTS[boot]}", "=- ")


def rotated_name(second):
    return time.strftime("%Y%m%dT%H%M%S", time.gmtime(DAY + second)) + ".000000Z.log"


class LogsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.machine = cls.enterClassContext(Machine())
        cls.write("web.service", rotated_name(0), mark(0, 0, 0) + line(0, "web 0") + line(10, "<3>web 10", "e3 "))
        cls.write("web.service", rotated_name(20), mark(20, 1) + line(20, "web 20") + line(30, "web 30"))
        for name in (rotated_name(0), rotated_name(20)):
            subprocess.run([PROGRAMS / "initd-logger", "--compress", cls.machine.logs / "web.service" / name], check=True)
        cls.write("web.service", rotated_name(40), mark(40, 1) + line(40, "web 40") + line(50, "web \x1b[2J50", "e6 "))
        cls.write("web.service", "current", mark(60, 2) + line(60, "web 60") + line(70, b"web \x00\xff 70")
                  + line(80, "web ", "o6+") + line(80, "80"))  # fmt: skip
        cls.write("db.service", "current", mark(5, 0) + line(5, "db 5") + line(45, "<4>db 45", "o4 ") + line(85, "db 85", "o6-"))

    @classmethod
    def write(cls, unit, name, content):
        directory = cls.machine.logs / unit
        directory.mkdir(exist_ok=True)
        (directory / name).write_bytes(content)

    def raw(self, *arguments):
        """The lines that --raw shows."""
        command = self.machine.command("logs", "--raw", *arguments)
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=30).stdout.split(b"\n")

    def seconds(self, *arguments):
        """The number at the end of each line that is shown."""
        return [int(re.search(rb"\d+$", text)[0]) for text in self.raw(*arguments) if text]

    def test_files_are_read_in_their_order_compressed_or_not(self):
        self.assertEqual(sorted(path.name[-4:] for path in (self.machine.logs / "web.service").iterdir()),
                         [".log", ".zst", ".zst", "rent"])  # fmt: skip
        self.assertEqual(self.seconds("web"), list(range(0, 90, 10)))

    def test_units_are_merged_by_time_and_named(self):
        self.assertEqual(self.seconds("web", "db"), [0, 5, 10, 20, 30, 40, 45, 50, 60, 70, 80, 85])
        said = self.machine.initctl("logs", "web", "db", "--since", stamp(40), "--until", stamp(45)).stdout.splitlines()
        self.assertEqual([text.split(" ", 2)[2] for text in said], ["web: web 40", "db: db 45"])

    def test_lines_counts_from_the_end_of_all_units(self):
        self.assertEqual(self.seconds("web", "db", "-n", "3"), [70, 80, 85])
        self.assertEqual(self.seconds("web", "--lines=0"), [])

    def test_since_and_until_take_moments_days_and_times_ago(self):
        self.assertEqual(self.seconds("web", "--since", stamp(30), "--until", stamp(60)), [30, 40, 50, 60])
        local = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(DAY + 70))
        self.assertEqual(self.seconds("web", "--since", local), [70, 80])
        for moment in ("today", "yesterday", "1h", "now"):
            self.assertEqual(self.seconds("web", "--since", moment), [])
            self.assertEqual(len(self.seconds("web", "--until", moment)), 9)

    def test_boot_counts_backwards(self):
        self.assertEqual(self.seconds("web", "--boot", "0"), [20, 30, 40, 50, 60, 70, 80])
        self.assertEqual(self.seconds("web", "--boot=-1"), [0, 10])
        done = self.machine.initctl("logs", "web", "--boot=-2", check=False)
        self.assertEqual((done.returncode, done.stderr), (1, "initctl: no boot so long ago has left a line\n"))

    def test_invocation_stream_priority_and_grep_choose_lines(self):
        self.assertEqual(self.seconds("web", "--invocation", RUNS[1]), [20, 30, 40, 50])
        self.assertEqual(self.seconds("web", "--invocation", "a3"), [60, 70, 80])
        self.assertEqual(self.seconds("web", "--stream=stderr"), [10, 50])
        self.assertEqual(self.seconds("web", "--stream=stdout", "-n1"), [80])
        self.assertEqual(self.seconds("web", "db", "-p", "warning"), [10, 45])
        self.assertEqual(self.seconds("web", "db", "--priority=3"), [10])
        self.assertEqual(self.seconds("web", "db", "--grep", "^(db 4|web [12])"), [10, 20, 45])

    def test_raw_gives_the_bytes_and_nothing_else(self):
        self.assertEqual(self.raw("web", "--since", stamp(50)), [b"web \x1b[2J50", b"web 60", b"web \x00\xff 70", b"web 80", b""])
        self.assertEqual(self.raw("db", "--since", stamp(45)), [b"<4>db 45", b"db 85"])

    def test_what_a_terminal_would_obey_is_escaped(self):
        self.assertIn("web \\x1b[2J50\n", self.machine.initctl("logs", "web").stdout)
        self.assertIn("web \\x00\\xff 70\n", self.machine.initctl("logs", "web").stdout)

    def test_json_is_one_object_for_each_line(self):
        said = self.machine.initctl("logs", "web", "-n2", "--until", stamp(10), "--json").stdout.splitlines()
        self.assertEqual(json.loads(said[1]), {
            "time_us": (DAY + 10) * 1_000_000, "unit": "web.service", "stream": "stderr", "severity": "err",
            "invocation": RUNS[0], "boot": BOOTS[0], "message": "web 10"})  # fmt: skip

    def test_what_cannot_be_shown_is_said(self):
        done = self.machine.initctl("logs", "nothing", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("there are no lines of nothing.service in", done.stderr)
        for wrong in ("--since=soon", "--boot=1", "--stream=in", "-p9", "--grep=(", "-n-1", "--invocation="):
            self.assertEqual(self.machine.initctl("logs", "web", wrong, check=False).returncode, 2, wrong)

    def test_who_may_not_read_a_log_is_told_so(self):
        os.chmod(self.machine.logs / "db.service", 0o700)
        command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *self.machine.command("logs", "db")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 4)
        self.assertIn("Permission denied", done.stderr)


class FollowTest(unittest.TestCase):
    def test_follow_goes_on_over_closed_files_and_units_that_begin_later(self):
        script = "i=0; while [ $$i -lt 3000 ]; do echo line $$i; i=$$((i+1)); done; exec sleep infinity"
        text = f'[service]\ncommand = ["/bin/sh", "-c", "{script}"]\n[log]\nsize = "64K"\n'
        with Machine({"a.service": text, "b.service": text}) as machine:
            machine.initctl("start", "a")
            wait_until("it has written", lambda: machine.log("a.service"))
            with Terminal(machine.command("logs", "-f", "--raw", "--since=1h", "a", "b")) as terminal:
                terminal.read_until("line 2999\r\n")
                machine.initctl("start", "b")
                said = terminal.read_until("(?s)line 2999\r\n.*line 2999\r\n").split("\r\n")
            self.assertEqual(said[:-1], [f"line {i}" for i in range(3000)] * 2)

    def test_follow_begins_with_the_last_ten_lines(self):
        text = '[service]\ncommand = ["/bin/sh", "-c", "seq 100; exec sleep infinity"]\n'
        with Machine({"a.service": text}) as machine:
            machine.initctl("start", "a")
            wait_until("it has written", lambda: machine.log("a.service").endswith("\n100\n"))
            with Terminal(machine.command("logs", "--follow", "a", "--color=never")) as terminal:
                said = terminal.read_until(" 100\r\n")
            self.assertEqual([text.split()[-1] for text in said.splitlines()], [str(i) for i in range(91, 101)])


if __name__ == "__main__":
    unittest.main()
