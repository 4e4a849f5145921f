"""`initd -- command` on a terminal: who gets Ctrl-C and Ctrl-Z, and whose turn it is to read. A pty stands for the terminal."""

import contextlib
import os
import pty
import select
import signal
import time
import unittest

from machine import DEADLINE, alive, name_of, read, wait_until
from one_command import INITD, NAMESPACE, WITNESS, descendants_of

CTRL_C, CTRL_Z = b"\x03", b"\x1a"


class Terminal:
    """with Terminal("program", "argument") as terminal: the program leads a session on a terminal of its own."""

    def __init__(self, *command):
        self.command = [str(word) for word in command]
        self.seen = ""

    def __enter__(self):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(self.command[0], self.command, {**os.environ, "PS1": "ask> ", "TERM": "dumb", "HISTFILE": ""})
        return self

    def __exit__(self, *_):
        for pid in [*reversed(descendants_of(self.pid)), self.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)
        os.close(self.fd)

    def type(self, text):
        os.write(self.fd, text if isinstance(text, bytes) else text.encode())

    def expect(self, text):
        """Reads until text comes; what came before it and with it is used up."""
        end = time.monotonic() + DEADLINE
        while text not in self.seen:
            if not select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]:
                raise TimeoutError(f"{text!r} does not come after {self.seen!r}")
            try:
                more = os.read(self.fd, 4096)
            except OSError:  # EIO: nobody has the other side any more
                more = b""
            if not more:
                raise EOFError(f"{text!r} does not come after {self.seen!r}")
            self.seen += more.decode(errors="replace").replace("\r\n", "\n")
        before, _, self.seen = self.seen.partition(text)
        return before

    def process(self, name):
        """The pid of a descendant."""
        return wait_until(f"{name} runs", lambda: [pid for pid in descendants_of(self.pid) if name_of(pid) == name])[0]

    def until_runs(self, name):
        """Waits until a group led by that program is in the foreground."""
        wait_until(f"{name} is in the foreground", lambda: name_of(os.tcgetpgrp(self.fd)) == name)

    def wait(self):
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)


class ContainerTest(unittest.TestCase):
    """As a container with a terminal is started: initd leads the session."""

    def check_ctrl_c(self, *command):
        with Terminal(*command, "--", WITNESS, "signals", "2") as terminal:
            terminal.expect("ready\n")
            terminal.type(CTRL_C)
            self.assertNotIn("got", terminal.expect("got 2\n"))
            self.assertEqual(terminal.wait(), 0)

    def test_ctrl_c_arrives_once(self):
        self.check_ctrl_c(INITD)
        self.check_ctrl_c(*NAMESPACE, INITD)
        self.check_ctrl_c(INITD, "--group")
        self.check_ctrl_c(INITD, "--session")

    def test_the_command_reads_from_the_terminal(self):
        for command in ([INITD], [*NAMESPACE, INITD], [INITD, "--session"]):
            with Terminal(*command, "--", "/bin/sh", "-c", "read line; echo it is $line") as terminal:
                terminal.type("me\n")
                terminal.expect("it is me\n")
                self.assertEqual(terminal.wait(), 0)

    def test_a_shell_has_job_control(self):
        for options in ((), ("--session",)):
            with Terminal(*NAMESPACE, "setsid", "--ctty", INITD, *options, "--", "/bin/bash", "--norc", "-i") as terminal:
                self.assertNotIn("no job control", terminal.expect("ask> "))
                terminal.type("cat\n")
                terminal.until_runs("cat")
                terminal.type("one\n")
                terminal.expect("one\none\n")
                terminal.type(CTRL_Z)
                terminal.expect("Stopped")
                terminal.type("fg\n")
                terminal.until_runs("cat")
                terminal.type("two\n")
                terminal.expect("two\ntwo\n")
                terminal.type(CTRL_C)
                terminal.expect("ask> ")
                terminal.type("exit 9\n")
                self.assertEqual(terminal.wait(), 9)

    def test_ctrl_z_does_not_stop_what_nobody_could_continue(self):
        for command in ([INITD], [*NAMESPACE, INITD]):
            with Terminal(*command, "--", "/bin/cat") as terminal:
                terminal.type("one\n")
                terminal.expect("one\none\n")
                terminal.type(CTRL_Z)
                terminal.expect("^Z")
                terminal.type("two\n")
                terminal.expect("two\n")  # typed
                terminal.expect("two\n")  # said by cat


class JobTest(unittest.TestCase):
    """Started by a shell with job control."""

    @contextlib.contextmanager
    def shell(self):
        with Terminal("/bin/bash", "--norc", "-i") as terminal:
            terminal.expect("ask> ")
            yield terminal

    def test_ctrl_z_stops_and_fg_continues(self):
        with self.shell() as shell:
            shell.type(f"{INITD} -- /bin/cat\n")
            for word in ("one", "two"):
                shell.until_runs("cat")
                shell.type(f"{word}\n")
                shell.expect(f"{word}\n{word}\n")
                shell.type(CTRL_Z)
                shell.expect("Stopped")
                shell.expect("ask> ")
                shell.type("echo back in the shell\n")
                shell.expect("\nback in the shell\n")
                shell.type("fg\n")
            shell.until_runs("cat")
            shell.type("three\n")
            shell.expect("three\nthree\n")
            shell.type(CTRL_C)
            shell.expect("ask> ")
            shell.type("echo code $?\n")
            shell.expect("\ncode 130\n")

    def test_all_of_a_pipeline_stops_and_continues(self):
        with self.shell() as shell:
            shell.type(f"{INITD} -- /bin/sh -c 'cat | cat'\n")
            shell.until_runs("sh")
            shell.type("one\n")
            shell.expect("one\none\n")
            shell.type(CTRL_Z)
            shell.expect("Stopped")
            shell.type("fg\n")
            shell.until_runs("sh")
            shell.type("two\n")
            shell.expect("two\ntwo\n")

    def test_in_the_background_it_does_not_take_the_terminal(self):
        with self.shell() as shell:
            shell.type(f"{INITD} -- /bin/cat &\n")
            shell.expect("ask> ")
            pid = shell.process("initd")
            wait_until("it has stopped", lambda: " T " in read(f"/proc/{pid}/stat"))
            shell.type("echo the shell reads; jobs\n")
            shell.expect("\nthe shell reads\n")
            shell.expect("Stopped")
            shell.type("fg\n")
            shell.until_runs("cat")
            shell.type("mine\n")
            shell.expect("mine\nmine\n")

    def test_bg_continues_it_without_the_terminal(self):
        with self.shell() as shell:
            shell.type(f"{INITD} -- {WITNESS} signals 15\n")
            shell.expect("ready\n")
            pid = shell.process("initd")
            command = descendants_of(pid)[0]
            os.kill(command, signal.SIGSTOP)
            shell.expect("Stopped")
            shell.type("bg\n")
            shell.expect("got 18\n")
            shell.type("echo still the shell\n")
            shell.expect("\nstill the shell\n")
            os.kill(pid, signal.SIGTERM)
            shell.expect("got 15\n")
            self.assertTrue(alive(shell.pid))

    def test_a_script_gets_the_terminal_back(self):
        script = f"{INITD} -- /bin/true; {INITD} -- no-such-command; read line; echo it is $line"
        with Terminal("/bin/sh", "-c", script) as terminal:
            terminal.type("me\n")
            terminal.expect("it is me\n")
            self.assertEqual(terminal.wait(), 0)

    def test_a_script_stops_with_its_command(self):
        with self.shell() as shell:
            shell.type(f"/bin/sh -c '{INITD} -- /bin/cat; echo the end'\n")
            shell.until_runs("cat")
            shell.type("one\n")
            shell.expect("one\none\n")
            shell.type(CTRL_Z)
            shell.expect("Stopped")
            shell.expect("ask> ")
            shell.type("fg\n")
            shell.until_runs("cat")
            shell.type("two\n")
            shell.expect("two\ntwo\n")
            shell.type(b"\x04")
            shell.expect("the end\n")


if __name__ == "__main__":
    unittest.main()
