"""`initd [OPTION]... -- COMMAND` under test: as PID 1 of a PID namespace or as a plain process, with the output of the
command line by line. Not for machine.py's Machine: there is no manager here."""

import contextlib
import functools
import os
import pathlib
import select
import signal
import subprocess
import time

from machine import DEADLINE, PROGRAMS, read, wait_until

INITD = PROGRAMS / "initd"
WITNESS = PROGRAMS / "witness"
NAMESPACE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]


def children_of(pid):
    return [int(child) for child in read(f"/proc/{pid}/task/{pid}/children").split()]


def descendants_of(pid):
    """Parents first."""
    found = children_of(pid)
    return found + [below for child in found for below in descendants_of(child)]


class OneCommand:
    """with OneCommand("--group", "--", "/bin/true") as initd: ...; words: those after `initd`. prefix: what runs it.
    program: what is run in its place, a container engine."""

    def __init__(self, *words, as_pid1=False, prefix=(), program=INITD, environment=None, **popen):
        self.command = [*prefix, *(NAMESPACE if as_pid1 else ()), program, *words]
        self.wrapped = as_pid1
        self.environment = {**os.environ, **(environment or {})}
        self.popen = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **popen}
        self.output = b""

    def __enter__(self):
        self.process = subprocess.Popen([str(word) for word in self.command], env=self.environment, **self.popen)
        return self

    @functools.cached_property
    def pid(self):
        """Of initd, as the host counts."""
        if not self.wrapped:
            return self.process.pid
        return wait_until("the namespace is there", lambda: children_of(self.process.pid))[0]

    def __exit__(self, *_):
        for pid in reversed(descendants_of(self.process.pid)):  # nothing that initd has adopted stays behind
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdout, self.process.stderr, self.process.stdin):
            if stream:
                stream.close()

    def line(self):
        """The next line of the command's output; "" at its end."""
        stream = self.process.stdout.fileno()
        while b"\n" not in self.output:
            if not select.select([stream], [], [], DEADLINE)[0]:
                raise TimeoutError("the command says nothing")
            more = os.read(stream, 4096)
            self.output += more
            if not more:
                break
        line, _, self.output = self.output.partition(b"\n")
        return line.decode()

    def expect(self, *lines):
        for line in lines:
            got = self.line()
            if got != line:
                raise AssertionError(f"{got!r} instead of {line!r}")

    def send(self, number):
        os.kill(self.pid, number)

    def wait(self):
        return self.process.wait(DEADLINE)

    def errors(self):
        return self.process.stderr.read().decode()


def run(*words, **options):
    """To its end: (exit code, output, errors)."""
    with OneCommand(*words, **options) as initd:
        output, errors = initd.process.communicate(timeout=DEADLINE)
        return initd.process.returncode, output.decode(), errors.decode()


def write_script(place, name, text):
    path = pathlib.Path(place, name)
    path.write_text(text)
    path.chmod(0o755)
    return path


def seconds_of(action):
    begin = time.monotonic()
    action()
    return time.monotonic() - begin
