"""Every system call of the manager fails once, at each of its first hits, and memory runs out at any allocation (F37, F38;
P8, P10). Whatever fails, callers are answered, services run on, and what was asked for then succeeds. The same of the logger:
each line is stored once.

INITD_HITS: how many hits of each call are tried (default 2), and every how many allocations one fails (400 / hits).
Manager and logger of these tests: helpers/starved.cpp.
"""

import contextlib
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
CALLS_OF_LOGGER = {
    "open": E.EMFILE, "openat": E.EMFILE, "read": E.EINTR, "write": E.EIO, "pread": E.EIO, "pwrite": E.ENOSPC, "fcntl": E.EMFILE, "fstat": E.EIO,
    "ftruncate": E.EIO, "mmap": E.ENOMEM, "mkdir": E.ENOSPC, "renameat": E.EIO, "unlinkat": E.EROFS, "tee": E.ENOMEM, "splice": E.ENOMEM,
    "pipe2": E.EMFILE, "signalfd": E.EMFILE, "recvmsg": E.EINTR, "sendmsg": E.ENOBUFS, "epoll_create1": E.EMFILE, "epoll_ctl": E.ENOMEM,
    "epoll_wait": E.EINTR,
}  # fmt: skip
START, UP = 0, 1
UNITS = {
    "a.service": SERVICE + 'extra-groups = ["nogroup"]\n[directories]\nruntime = "a"\n',  # prepared by a helper
    "still.service": '[service]\ntype = "notify"\ncommand = ["/bin/sh", "-c", "systemd-notify --ready; exec sleep 1d"]\nnotify-access = "all"\n',
    "plain.service": SERVICE,
}


class Starving(Machine):
    """With a part whose calls can be made to fail."""

    def fired(self):
        try:
            (self.programs / "fired").unlink()
            return True
        except FileNotFoundError:
            return False

    def starve(self, call, nth, error, when, span=1):
        (self.programs / "new").write_text(f"{call} {nth} {span} {error} {when}\n")
        os.rename(self.programs / "new", self.programs / "starve")
        for _ in range(20):  # the one that is killed may have ended just before
            os.kill(wait_until("it runs", self.victim), signal.SIGKILL)
            with contextlib.suppress(TimeoutError):
                return wait_until("the order is taken", lambda: not (self.programs / "starve").exists(), 5)
        raise TimeoutError("nobody takes the order")

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


class StarvingManager(Starving):
    """Units are up."""

    def __init__(self):
        super().__init__(UNITS, manager="starved-manager")

    def __enter__(self):
        super().__enter__()
        self.initctl("start", *UNITS)
        self.still = {unit: self.main_pid(unit) for unit in ("still", "plain")}
        return self

    def victim(self):
        return self.manager()

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


class StarvingLogger(Starving):
    """A service writes so many lines for each that it reads."""

    LINES = 20
    WRITER = """[service]
command = ["/bin/sh", "-c", "while read n; do i=0; while [ $$i -lt {lines} ]; do i=$$((i+1)); echo $$n.$$i; done; done"]
stdin = "file:{fifo}"
[log]
compress = false
count = 1000
"""

    def __init__(self):
        super().__init__(logger="starved-logger")
        self.said = 0

    def __enter__(self):
        super().__enter__()
        fifo = self.place / "fifo"
        os.mkfifo(fifo)
        self.orders = open(fifo, "r+b", buffering=0)
        self.write_unit("writer.service", self.WRITER.format(lines=self.LINES, fifo=fifo))
        self.initctl("daemon-reload")
        self.initctl("start", "writer")
        return self

    def __exit__(self, *error):
        self.orders.close()
        super().__exit__(*error)

    def victim(self):
        return self.logger()

    def act(self):
        self.said += 1
        self.orders.write(b"%d\n" % self.said)
        wait_until("all is stored", lambda: f"\n{self.said}.{self.LINES}\n" in self.whole_log("writer.service"))

    def check(self):
        said = [f"{n}.{i}" for n in range(1, self.said + 1) for i in range(1, self.LINES + 1)]
        with contextlib.suppress(TimeoutError):  # some may be on their way home from memory
            return wait_until("each line is stored once", lambda: self.whole_log("writer.service").split() == said)
        stored = self.whole_log("writer.service").split()
        at = next((i for i, (a, b) in enumerate(zip(said, stored)) if a != b), min(len(said), len(stored)))
        raise AssertionError(f"{len(stored)} of {len(said)} lines are stored, about {at}: {stored[max(at - 1, 0) : at + 2]}")


class StarvationTest(unittest.TestCase):
    def test_F37_P8_every_system_call_fails_at_its_first_hits(self):
        tried = 0
        with StarvingManager() as machine:
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
        with StarvingManager() as machine:
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
        with StarvingManager() as machine:
            for when in (START, UP):
                for span in (1, 40):
                    nth = 1 + tried % STRIDE
                    while machine.hit("malloc", nth, errno.ENOMEM, when, span):
                        tried += 1
                        nth += STRIDE
        print(f"{tried} failures", flush=True)
        self.assertGreater(tried, 20)

    def test_F37_P8_every_system_call_of_the_logger_fails_at_its_first_hits(self):
        tried = 0
        with StarvingLogger() as machine:
            for call, error in CALLS_OF_LOGGER.items():
                for when in (START, UP):
                    nth = 1
                    while nth <= HITS and machine.hit(call, nth, error, when):
                        nth += 1
                    tried += nth - 1
        print(f"{tried} failures", flush=True)
        self.assertGreater(tried, 30)

    def test_F38_P10_memory_of_the_logger_runs_out_at_any_allocation(self):
        tried = 0
        with StarvingLogger() as machine:
            for when in (START, UP):
                for span in (1, 40):
                    nth = 1
                    while machine.hit("malloc", nth, errno.ENOMEM, when, span):
                        tried += 1
                        nth += max(1, STRIDE // 20)
        print(f"{tried} failures", flush=True)
        self.assertGreater(tried, 4)


if __name__ == "__main__":
    unittest.main()
