"""Every system call of the manager fails once, at each of its first hits, and memory runs out at any allocation (F37, F38;
P8, P10). Whatever fails, callers are answered, services run on, and what was asked for then succeeds.

INITD_HITS: how many hits of each call are tried (default 2), and every how many allocations one fails (400 / hits).
The manager of these tests: helpers/starved.cpp.
"""

import errno
import os
import signal
import unittest

from machine import Machine, wait_until

HITS = int(os.environ.get("INITD_HITS", "2"))
STRIDE = max(1, 400 // HITS)
SERVICE = '[service]\ncommand = ["sleep", "1d"]\n'
E = errno
CALLS = {
    "open": (E.EMFILE, E.ENOMEM), "openat": (E.EMFILE, E.EACCES), "read": (E.EIO, E.EINTR), "write": (E.ENOSPC, E.EINTR), "pread": (E.EIO,),
    "fcntl": (E.EMFILE,), "fstat": (E.EIO,), "stat": (E.EACCES,), "lstat": (E.EIO,), "memfd_create": (E.EMFILE, E.ENOMEM),
    "ftruncate": (E.ENOMEM,), "mmap": (E.ENOMEM,), "mkdir": (E.ENOSPC,), "mkdirat": (E.EROFS,), "rename": (E.EIO,), "unlink": (E.EROFS,),
    "readlink": (E.ENOENT,), "sendfile": (E.ENOSPC,), "pipe2": (E.EMFILE,), "socket": (E.EMFILE,), "socketpair": (E.ENFILE,),
    "bind": (E.ENOSPC,), "listen": (E.ENOBUFS,), "accept4": (E.EMFILE, E.ECONNABORTED), "getsockopt": (E.ENOBUFS,), "send": (E.EPIPE, E.EINTR),
    "recv": (E.ECONNRESET, E.EINTR), "sendmsg": (E.ENOBUFS, E.EINTR), "recvmsg": (E.ENOMEM, E.EINTR), "poll": (E.EINTR,), "epoll_create1": (E.EMFILE,),
    "epoll_ctl": (E.ENOMEM,), "epoll_wait": (E.EINTR,), "inotify_init1": (E.EMFILE,), "inotify_add_watch": (E.ENOSPC,), "fork": (E.EAGAIN,),
}  # fmt: skip
START, UP = 0, 1
UNITS = {
    "a.service": SERVICE + 'extra-groups = ["nogroup"]\n[directories]\nruntime = "a"\n',  # prepared by a helper
    "still.service": '[service]\ntype = "notify"\ncommand = ["/bin/sh", "-c", "systemd-notify --ready; exec sleep 1d"]\nnotify-access = "all"\n',
    "plain.service": SERVICE,
}


class Starving(Machine):
    """With units that are up, and a manager whose calls can be made to fail."""

    def __init__(self):
        super().__init__(UNITS, manager="starved-manager")

    def __enter__(self):
        super().__enter__()
        self.initctl("start", *UNITS)
        self.still = {unit: self.main_pid(unit) for unit in ("still", "plain")}
        return self

    def fired(self):
        try:
            (self.programs / "fired").unlink()
            return True
        except FileNotFoundError:
            return False

    def starve(self, call, nth, error, when, span=1):
        (self.programs / "new").write_text(f"{call} {nth} {span} {error} {when}\n")
        os.rename(self.programs / "new", self.programs / "starve")
        before = self.manager()
        os.kill(before, signal.SIGKILL)
        wait_until("the order is taken", lambda: not (self.programs / "starve").exists())

    def act(self):
        """What may fail, with a word, and what must not any more when it is done again."""
        for words in (("restart", "a"), ("daemon-reload",), ("list",), ("status", "a"), ("report", "--json", "a")):
            done = self.initctl(*words, check=False)
            if done.returncode != 0 and not done.stderr + done.stdout:
                raise AssertionError(f"{words}: exit {done.returncode} without a word")

    def check(self):
        if (pids := {unit: self.main_pid(unit) for unit in self.still}) != self.still:
            raise AssertionError(f"{pids}, not {self.still}")
        self.initctl("start", "a")
        if (state := self.status("a")["state"]) != "active":
            raise AssertionError(f"a is {state}")
        self.initctl("reexec")  # so that no ladder is climbed

    def hit(self, call, nth, error, when, span=1):
        """Whether there was such a hit."""
        try:
            self.starve(call, nth, error, when, span)
            self.act()
            fired = self.fired()
            self.check()
        except Exception as wrong:
            raise AssertionError(f"{call}, hits {nth} to {nth + span - 1}, errno {error}, {'when up' if when else 'from the start'}") from wrong
        return fired


class StarvationTest(unittest.TestCase):
    def test_F37_P8_every_system_call_fails_at_its_first_hits(self):
        tried = 0
        with Starving() as machine:
            for call, errors in CALLS.items():
                for when in (START, UP):
                    for nth in range(1, HITS + 1):
                        for error in errors[: 1 + (HITS > 2)]:
                            fired = machine.hit(call, nth, error, when)
                            tried += fired
                        if not fired:
                            break
        print(f"{tried} failures", flush=True)
        self.assertGreater(tried, 40)

    def test_F20_what_the_manager_lacks_for_a_start_is_no_failure_of_the_unit(self):
        """The start goes on when there is some again, and is no restart that a limit would count."""
        tried = 0
        with Starving() as machine:
            for call in ("openat", "pipe2", "mkdirat", "fork"):
                for nth in (1, 2, 3):
                    machine.starve(call, nth, errno.EMFILE, UP)
                    for unit in ("plain", "a"):
                        machine.initctl("restart", unit, seconds=60)
                        self.assertEqual(machine.status(unit).get("restarts", 0), 0, (call, nth))
                    tried += machine.fired()
                    machine.initctl("reexec", seconds=60)
        self.assertGreater(tried, 4)

    def test_F38_P10_memory_runs_out_at_any_allocation(self):
        tried = 0
        with Starving() as machine:
            for when in (START, UP):
                for span in (1, 40):
                    nth = 1 + tried % STRIDE
                    while machine.hit("malloc", nth, errno.ENOMEM, when, span):
                        tried += 1
                        nth += STRIDE
        print(f"{tried} failures", flush=True)
        self.assertGreater(tried, 20)


if __name__ == "__main__":
    unittest.main()
