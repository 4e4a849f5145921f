#!/usr/bin/env python3
"""Runs the examples of docs/examples and holds what they print against what their text promises.

EXAMPLES names the folder of the built programs.
"""

import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import tempfile
import time
import unittest

FOLDER = pathlib.Path(os.environ.get("EXAMPLES", "build/dev/bin"))
PATIENCE = 20  # seconds


def program(name):
    return str(FOLDER / f"example_{name}")


def run(name, *arguments):
    return subprocess.run([program(name), *arguments], capture_output=True, text=True, timeout=PATIENCE, check=False)


class Reader:
    """Lines of a running program, as they come."""

    def __init__(self, fd):
        self.fd = fd
        self.text = ""

    def until(self, pattern):
        deadline = time.monotonic() + PATIENCE
        while not (found := re.search(pattern, self.text)):
            ready, _, _ = select.select([self.fd], [], [], max(0, deadline - time.monotonic()))
            data = os.read(self.fd, 65536) if ready else b""
            if not data:
                raise AssertionError(f"no {pattern!r} in {self.text!r}")
            self.text += data.decode()
        self.text = self.text[found.end():]
        return found


def on_a_terminal(*arguments):
    """The program as the leader of a session with a terminal of its own; its pid and the terminal's other end."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(arguments[0], arguments)
    return pid, terminal


class Examples(unittest.TestCase):
    def start(self, name, *arguments):
        process = subprocess.Popen([program(name), *arguments], stdout=subprocess.PIPE)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process, Reader(process.stdout.fileno())

    def assert_soon(self, condition):
        deadline = time.monotonic() + PATIENCE
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertTrue(condition())

    def assert_ends(self, process, code):
        self.assertEqual(process.wait(PATIENCE), code)

    def test_ps_shows_itself_and_how_it_ended(self):
        result = run("ps")
        self.assertRegex(result.stdout, r"(?s)PID COMMAND.*\d+ ps\n.*ps: exit 0\n$")

    def test_download_logs_as_another_user(self):
        with tempfile.TemporaryDirectory() as folder:
            page = pathlib.Path(folder, "page")
            page.write_text("a page\n")
            pathlib.Path(folder).chmod(0o755)
            result = run("download", f"file://{page}", folder)
            self.assertRegex(result.stdout, r"curl runs as process \d+\ncurl: exit 0\n")
            self.assertEqual(pathlib.Path(folder, "page.log").read_text(), "a page\n")
            self.assertTrue(pathlib.Path(folder, "curl.log").read_text())

    def test_grep_finds_what_is_written_to_it(self):
        self.assertEqual(run("grep").stdout, "2:signalfd\n4:signal(7)\ngrep: exit 0\n")

    def test_supervisor_restarts_the_worker_three_times(self):
        process, lines = self.start("supervisor")
        for _ in range(4):
            pid = int(lines.until(r"worker is running as process (\d+)\n").group(1))
            # The kernel closes what tells of the exec just before it gives the process its new face.
            self.assert_soon(lambda: pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() == b"sleep\x0010\x00")
            os.kill(pid, signal.SIGKILL)
        lines.until(r"worker is failed: restart limit of 3 reached; signal 9 \(KILL\)\n")
        self.assert_ends(process, 0)

    def test_supervisor_alone_hears_ctrl_c_and_stops_the_worker_gracefully(self):
        with tempfile.TemporaryDirectory() as folder:
            log = pathlib.Path(folder, "log")
            script = f"trap 'echo INT >>{log}' INT; trap 'echo TERM >>{log}; exit 0' TERM; echo ready >>{log};" \
                     " while :; do sleep 0.01; done"
            pid, terminal = on_a_terminal(program("supervisor"), "sh", "-c", script)
            lines = Reader(terminal)
            lines.until("worker is running")
            self.assert_soon(log.exists)
            os.write(terminal, b"\x03")
            lines.until("worker is inactive")
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
            os.close(terminal)
            self.assertEqual(log.read_text(), "ready\nTERM\n")

    def test_count_signals_counts_each(self):
        process, lines = self.start("count_signals")
        for count in range(5):
            lines.until(f"USR1 came {count} times\n")
            process.send_signal(signal.SIGUSR1)
        lines.until("USR1 came 5 times\n")
        process.send_signal(signal.SIGTERM)
        lines.until("ended cleanly after 5\n")
        self.assert_ends(process, 0)

    def test_count_signals_ends_cleanly_at_ctrl_c(self):
        pid, terminal = on_a_terminal(program("count_signals"))
        lines = Reader(terminal)
        lines.until("USR1 came 0 times")
        os.write(terminal, b"\x03")
        lines.until("ended cleanly after 0")
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
        os.close(terminal)

    def test_memory_is_copied_by_fork_and_shared_by_threads(self):
        self.assertEqual(run("memory").stdout, "fork: 1 in the child, 0 in the parent\n"
                                               "thread: 1 in the thread, 1 in its creator\n")

    def test_pid1_ends_as_its_command_did(self):
        self.assertEqual(run("pid1", "sh", "-c", "exit 7").returncode, 7)
        self.assertEqual(run("pid1", "sh", "-c", "kill -KILL $$").returncode, 128 + 9)
        self.assertEqual(run("pid1").returncode, 2)
        missing = run("pid1", "/no/such/program")
        self.assertEqual(missing.returncode, 1)
        self.assertIn("/no/such/program: No such file or directory", missing.stderr)

    def test_pid1_hands_signals_on(self):
        process, lines = self.start("pid1", "sh", "-c", "trap 'echo got HUP; exit 3' HUP; echo ready; while :; do sleep 0.01; done")
        lines.until("ready\n")
        process.send_signal(signal.SIGHUP)
        lines.until("got HUP\n")
        self.assert_ends(process, 3)

    def test_pid1_reaps_orphans(self):
        script = "for i in 1 2 3 4 5; do (true & ) ; done; echo ready; read line; exit 0"
        process = subprocess.Popen([program("pid1"), "sh", "-c", script], stdout=subprocess.PIPE, stdin=subprocess.PIPE)
        self.addCleanup(process.stdout.close)
        lines = Reader(process.stdout.fileno())
        lines.until("ready\n")
        self.assert_soon(lambda: self.children(process.pid) == 1)
        process.stdin.close()
        self.assert_ends(process, 0)

    @staticmethod
    def children(pid):
        return len(pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split())


if __name__ == "__main__":
    unittest.main()
