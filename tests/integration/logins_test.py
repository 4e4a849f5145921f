"""Entries of utmp(5) and wtmp for units with a utmp-id: there before the program runs, dead when it has ended."""

import collections
import fcntl
import os
import pathlib
import select
import signal
import struct
import time
import unittest

from machine import DEADLINE, PROGRAMS, Machine, wait_until

INIT, LOGIN, USER, DEAD = 5, 6, 7, 8  # utmp(5)
RECORD = struct.Struct("=h2xi32s4s32s256shhiii16s20x")
Record = collections.namedtuple("Record", "type pid line id user session seconds")
WITNESS = PROGRAMS / "witness"


def text(field):
    return field.split(b"\0", 1)[0].decode()


class LoginsTest(unittest.TestCase):
    def start(self, files=("run/utmp", "var/log/wtmp"), **units):
        machine = Machine({f"{name}.service": f"[service]\n{unit}" for name, unit in units.items()})
        machine.__enter__()
        self.addCleanup(machine.__exit__, None, None, None)
        self.root = pathlib.Path(f"/proc/{machine.pid}/root")
        for file in files:
            (self.root / file).touch(0o664)
        return machine

    def records(self, file="run/utmp"):
        data = (self.root / file).read_bytes()
        self.assertEqual(len(data) % RECORD.size, 0)
        found = []
        for kind, pid, line, name, user, _, _, _, session, seconds, _, _ in RECORD.iter_unpack(data):
            found.append(Record(kind, pid, text(line), text(name), text(user), session, seconds))
        return found

    def wait_for_types(self, *types):
        wait_until(f"the types are {types}", lambda: tuple(record.type for record in self.records()) == types)

    def answers(self, machine, unit="a"):
        return machine.log(f"{unit}.service").split("\n")[:-1]

    def oneshot(self, name):
        return f'type = "oneshot"\ncommand = ["{WITNESS}", "utmp"]\nutmp-id = "{name}"\n[tty]\npath = "/dev/pts/77"\n'

    def test_a_program_finds_its_own_entry_at_once_and_it_is_dead_afterwards(self):
        machine = self.start(a=self.oneshot("77"), b=self.oneshot("longer77"))
        for _ in range(20):
            machine.initctl("start", "a")
        machine.initctl("start", "b")
        wait_until("all have told", lambda: len(self.answers(machine)) == 20 and self.answers(machine, "b"))
        self.assertEqual(set(self.answers(machine)), {f"{INIT} 77 pts/77"})
        self.assertEqual(self.answers(machine, "b"), [f"{INIT} er77 pts/77"])
        self.wait_for_types(DEAD, DEAD)  # a place for each id
        history = [(record.type, record.pid) for record in self.records("var/log/wtmp")]
        pids = [pid for kind, pid in history if kind == INIT]
        self.assertEqual(len(pids), 21)
        wait_until("all ends are told", lambda: self.records("var/log/wtmp")[-1].type == DEAD)
        self.assertTrue(all(record.seconds for record in self.records("var/log/wtmp")))

    def test_without_the_files_it_runs_all_the_same(self):
        machine = self.start(files=(), a=self.oneshot("77"))
        machine.initctl("start", "a")
        wait_until("it has told", lambda: self.answers(machine) == ["none"])
        self.assertFalse((self.root / "run/utmp").exists())

    def test_what_cannot_be_executed_is_dead_too(self):
        machine = self.start(a='command = ["/nonexistent"]\nrestart = "no"\nutmp-id = "77"\n')
        machine.initctl("start", "a", check=False)
        self.wait_for_types(DEAD)

    def lock(self):
        """Whoever may read the file may do this."""
        file = open(self.root / "run/utmp", "rb")
        self.addCleanup(file.close)
        fcntl.lockf(file, fcntl.LOCK_SH)
        return file

    def test_who_locks_the_file_holds_up_nobody_but_the_program(self):
        machine = self.start(a=self.oneshot("77"), b='command = ["/bin/sleep", "infinity"]\n')
        file = self.lock()
        machine.initctl("start", "--no-block", "a")
        machine.initctl("start", "b")
        self.assertEqual(machine.status("a")["state"], "activating")
        file.close()
        wait_until("it has told", lambda: self.answers(machine) == [f"{INIT} 77 pts/77"])

    def test_a_stop_ends_what_waits_and_a_death_of_the_manager_lets_it_go(self):
        machine = self.start(a=self.oneshot("77"), b=self.oneshot("78"))
        self.lock()
        machine.initctl("start", "--no-block", "a")
        machine.initctl("stop", "a")
        self.assertEqual(machine.status("a")["state"], "inactive")
        machine.initctl("start", "--no-block", "b")
        os.kill(machine.manager(), signal.SIGKILL)
        wait_until("it has told", lambda: self.answers(machine, "b") == ["none"])

    def test_agetty_and_login_take_the_entry_over(self):
        terminal, slave = os.openpty()
        self.addCleanup(os.close, terminal)
        line = os.ttyname(slave).removeprefix("/dev/")
        os.close(slave)
        machine = self.start(a='command = ["/sbin/agetty", "--noclear", "--autologin", "root", "-", "dumb"]\nrestart = "no"\nutmp-id = "g1"\n'
                             f'stdin = "tty"\nstdout = "tty"\n[tty]\npath = "/dev/{line}"\n')  # fmt: skip
        machine.initctl("start", "a")
        end, said = time.monotonic() + DEADLINE, ""
        while not any(record.type == USER for record in self.records()) and time.monotonic() < end:
            if select.select([terminal], [], [], 0.1)[0]:
                said += os.read(terminal, 4096).decode(errors="replace")
        (record,) = self.records()
        self.assertEqual((record.type, record.line, record.id, record.user), (USER, line, "g1", "root"), said)
        self.assertIn(f"root     {line}", machine.inside("who").stdout)
        machine.initctl("stop", "a")
        self.wait_for_types(DEAD)
        self.assertIn("id=g1", machine.inside("who", "--dead").stdout)
        wait_until("the logout is told", lambda: " - " in machine.inside("last", "--nohostname", "root").stdout.splitlines()[0])


if __name__ == "__main__":
    unittest.main()
