"""What initd is struck by, each a short function that returns when initd works again. The names are those of docs/reliability.md."""

import collections
import contextlib
import itertools
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import time

from clients import PATIENCE, Connection, ask
from load import BOMB, BROOD, BROOD_SIZE, FROZEN, PASSING
from machine import PROGRAMS, read, wait_until
from world import await_end, send

STRIKE, DENY = PROGRAMS / "strike", PROGRAMS / "deny"
FAULTS = (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT, signal.SIGSYS)
NOWHERE = 0  # instead of a signal
DID_NOT_COME_BY = 3  # strike's exit code
CROWD = int(os.environ.get("INITD_CHAOS_CROWD", "500"))
LONGEST_GAP = 0.25  # seconds
REQUESTS = 30  # each of which makes PID 1 start, and reap, a process
SPELL = float(os.environ.get("INITD_CHAOS_SPELL", "2"))  # seconds that a want lasts


def pause(world):
    """Until a random moment."""
    time.sleep(world.chance.uniform(0.001, LONGEST_GAP))


def kill_manager(world):
    """P1: the manager is killed."""
    pause(world)
    world.await_whole("P1 table whole again", world.kill_manager())


def kill_manager_twice(world):
    """P5: the manager is killed, and the next ones while they recover."""
    since = world.kill_manager()
    for _ in range(world.chance.randrange(1, 4)):
        world.await_manager()
        time.sleep(world.chance.uniform(0, 0.01))
        world.kill_manager()
    world.await_whole("P5 table whole again", since)


def strike(world, *words, meanwhile=None):
    """(function, seconds until it goes on) of a fault of PID 1; the words are those of strike.cpp. meanwhile: what may bring it to a
    function that is waited for; None when it did not come by."""
    fault = world.chance.choice((*FAULTS, NOWHERE) if words else FAULTS)
    command = [STRIKE, str(world.machine.pid), str(int(fault)), *map(str, words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as struck:
        if meanwhile is not None and struck.stdout.readline() == "armed\n":
            meanwhile()
        said, error = struck.stdout.read(), struck.stderr.read()
    if meanwhile is not None and struck.returncode == DID_NOT_COME_BY:
        return None
    address, *microseconds = said.split()
    where = world.symbols.at(int(address, 0))
    if struck.returncode != 0:
        raise RuntimeError(f"PID 1, signal {int(fault)} in {where} ({address}): {error}")
    return where, int(microseconds[0]) / 1e6


def fault_pid1(world):
    """P2: PID 1 faults at once, wherever it is."""
    pause(world)
    world.note("P2 PID 1 resumed", strike(world)[1])
    world.await_whole("P2 table whole again", time.monotonic())


def fault_pid1_at_a_step(world):
    """P2s: PID 1 faults after a random number of single steps, half the time from the beginning of a function of its loop: if
    there are such, one that no fault has met yet. Now and then the manager is killed just before."""
    pause(world)
    killing = world.chance.random() < 0.3

    def maybe_kill():
        if killing:
            with world.manager_pidfd() as manager:
                send(manager, signal.SIGKILL)

    struck = None
    if world.chance.random() < 0.5:
        name = world.chance.choice(world.unmet() or sorted(world.symbols.loop))
        struck = strike(world, world.chance.choice([1, 1, 2, 5, 20, 100]), world.symbols.loop[name], meanwhile=maybe_kill)
    else:
        maybe_kill()
    function, seconds = struck or strike(world, world.chance.randrange(1, 5000))
    world.hit[function] += 1
    world.note("P2s PID 1 resumed", seconds)
    world.await_whole("P2s table whole again", time.monotonic())


def crash_manager(world):
    """P3: the manager dies of a fault of its own."""
    pause(world)
    world.await_whole("P3 table whole again", world.kill_manager(world.chance.choice(FAULTS)))
    forgive(world)


def forgive(world):
    """The next crash is the first again, not one of a series."""
    world.machine.initctl("reexec", seconds=PATIENCE)


def stop_manager(world):
    """P4: the manager stands still, until PID 1 loses patience."""
    pause(world)
    with world.manager_pidfd() as manager:
        since = time.monotonic()
        send(manager, signal.SIGSTOP)
        await_end(manager)
    world.await_whole("P4 table whole again", since)
    forgive(world)


def upgrade(world):
    """P6: all programs are replaced, and run."""
    pause(world)
    for program in ("initd", "initd-manager", "initd-logger"):
        copy = world.machine.programs / f"{program}.new"
        shutil.copy(PROGRAMS / program, copy)
        with open(copy, "ab") as file:
            file.write(world.chance.randbytes(8))  # behind the program: another version
        copy.rename(world.machine.programs / program)
    since = time.monotonic()
    world.machine.initctl("upgrade", seconds=PATIENCE)
    world.await_whole("P6 upgraded, table whole", since)
    wait_until("the new programs run", lambda: runs_from_disk(world), PATIENCE)


def runs_from_disk(world):
    """Each part of initd is the program that lies on disk now."""
    try:
        return all(pathlib.Path(f"/proc/{pid}/exe").read_bytes() == (world.machine.programs / name).read_bytes()
                   for name, pid in world.parts().items())  # fmt: skip
    except FileNotFoundError:
        return False


def no_descriptors(world):
    """P11: PID 1, manager and logger may open three more descriptors, no more, and idle connections take whatever the manager has but
    some of those that it keeps for root. Services that end meanwhile cannot be started, but everybody is answered."""
    world.settle()
    manager = world.await_manager()
    before = {pid: resource.prlimit(pid, resource.RLIMIT_NOFILE) for pid in world.parts().values()}
    with world.want(), contextlib.ExitStack() as idle:
        try:
            for pid, (_, hard) in before.items():
                resource.prlimit(pid, resource.RLIMIT_NOFILE, (max(map(int, os.listdir(f"/proc/{pid}/fd"))) + 4, hard))
            for _ in range(5):
                while kept_for_root(manager) > 5:
                    idle.callback(served(world).close)
                pause(world)
                world.await_whole("P11 table told without descriptors", time.monotonic())
        finally:
            for pid, limits in before.items():
                with contextlib.suppress(ProcessLookupError):  # manager and logger may be others by now
                    resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)


def kept_for_root(manager):
    """So many copies of the listening socket it has."""
    try:
        files = [os.readlink(f"/proc/{manager}/fd/{number}") for number in os.listdir(f"/proc/{manager}/fd")]
    except FileNotFoundError:
        return 0
    return collections.Counter(file for file in files if file.startswith("socket:")).most_common(1)[0][1] - 1


def served(world):
    """A connection that the manager has taken."""
    connection = Connection(world.machine.runtime / "control")
    connection.send("System", {})
    connection.receive()
    return connection


def calls_fail(world):
    """P9: descriptors, memory or processes are refused to one part of initd, for a while; all of these in turn. It may not survive that; what it could not
    do meanwhile is done afterwards."""
    world.settle()
    part, what = next(world.denying)
    with world.want(), denied(world.parts()[part], *what):
        end = time.monotonic() + SPELL
        while time.monotonic() < end:
            pause(world)
            world.await_whole("P9 table told while calls fail", time.monotonic())
    forgive(world)


def call_fails(world):
    """P8: a call of one part of initd fails, once, at one of its next hits. One after the other, in random order, all that may."""
    world.settle()
    part, call, error = next(world.failing)
    with world.want(), denied(world.parts()[part], error, [call], world.chance.randrange(1, 20), 1):
        pause(world)
        world.await_whole("P8 table told when a call has failed", time.monotonic())
    forgive(world)


@contextlib.contextmanager
def denied(pid, error, calls, first=1, count=1 << 30):
    with subprocess.Popen([DENY, *map(str, (pid, error, first, count)), *calls], stdout=subprocess.PIPE) as denial:
        denial.stdout.readline()
        try:
            yield
        finally:
            denial.terminate()


def crowd(world):
    """P19: thousands of connections of other users that say nothing, half of something, ask for what is not theirs, or never read; and
    the manager is killed."""
    command = [sys.executable, pathlib.Path(__file__).with_name("crowd.py"), world.machine.runtime / "control", str(CROWD)]
    before = world.still_rows()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as crowds:
        try:
            crowds.stdout.readline()
            world.await_whole("P19 table told beside a crowd", time.monotonic())
            kill_manager(world)
            world.await_whole("P19 table told beside a crowd", time.monotonic())
        finally:
            crowds.kill()
    if (after := world.still_rows()) != before:
        world.wrong += [f"I11 a crowd of others has made {was} into {now}" for was, now in zip(before, after) if was != now]


def run_is_full(world):
    """P15: /run has neither bytes nor inodes left, and the manager is killed, and PID 1 faults."""
    fill = world.machine.runtime / "fill"
    fill.mkdir()
    try:
        with contextlib.suppress(OSError), open(fill / "bytes", "wb", buffering=0) as file:
            while True:
                file.write(bytes(65536))
        with contextlib.suppress(OSError):
            for number in itertools.count():
                (fill / str(number)).touch()
        kill_manager(world)
        fault_pid1(world)
        kill_manager(world)
    finally:
        shutil.rmtree(fill)


def storm(world):
    """P21: while PID 1 stands still, hundreds of processes end. All are reaped before it has seen to a few requests."""
    world.machine.initctl("start", BROOD, seconds=PATIENCE)
    wait_until("the brood is there", lambda: any(entry.word == "ready" for entry in world.load.ledger(BROOD)[-1:]))
    os.kill(world.machine.pid, signal.SIGSTOP)
    try:
        with open(world.load.gate, "wb", buffering=0):
            wait_until("all have ended", lambda: len(world.zombies()) >= BROOD_SIZE, PATIENCE)
        storm = world.zombies()
    finally:
        since = time.monotonic()
        os.kill(world.machine.pid, signal.SIGCONT)
    for _ in range(REQUESTS):
        for verb in ("Start", "Stop"):
            ask(world.machine.runtime / "control", verb, {"unit": PASSING})
        if not storm & world.zombies():
            break
    else:
        world.wrong.append(f"I2 {len(storm & world.zombies())} of {len(storm)} zombies are left after {REQUESTS} requests")
    world.note("P21 storm of 500 reaped", time.monotonic() - since)
    world.machine.initctl("stop", BROOD, seconds=PATIENCE)


def fork_bomb(world):
    """P12: a service forks as long as its user may, and each of its processes comes back; the manager is killed. The stop ends it."""
    world.machine.initctl("start", BOMB, seconds=PATIENCE)
    wait_until("the user may have no more processes", lambda: any(entry.word == "full" for entry in world.load.ledger(BOMB)), PATIENCE)
    kill_manager(world)
    since = time.monotonic()
    world.machine.initctl("stop", BOMB, seconds=PATIENCE)
    world.note("P12 bomb stopped", time.monotonic() - since)
    left = [pid for pid in world.machine.services() if f"/{BOMB}\0" in read(f"/proc/{pid}/cmdline")]
    if left:
        world.wrong.append(f"I9 {len(left)} processes of a bomb that was stopped")
    world.load.forget(BOMB)


def frozen_files(world):
    """P23: a file system answers nothing, under what some services need and under the unit files; and the manager is killed. Only
    these services wait for it, and who wants the files read again."""
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return print("P23 left out: no /dev/fuse", flush=True)
    control = world.machine.runtime / "control"
    with world.machine.frozen(world.load.cold), world.machine.frozen(world.machine.unit_directory):
        reload = subprocess.Popen(world.machine.command("daemon-reload"), text=True, stderr=subprocess.PIPE)
        for unit in FROZEN:
            world.machine.initctl("start", "--no-block", unit, seconds=PATIENCE)
        for _ in range(2):
            world.await_whole("P23 table told beside frozen files", time.monotonic())
            for verb in ("Start", "Stop"):
                ask(control, verb, {"unit": PASSING})
            kill_manager(world)
        starting = {row["id"] for row in world.rows() if row["state"] == "activating"}
        if not starting.issuperset(FROZEN):
            world.wrong.append(f"P23 {set(FROZEN) - starting} did not wait")
        for unit in FROZEN:
            world.machine.initctl("stop", unit, seconds=PATIENCE)
    _, said = reload.communicate(timeout=PATIENCE)
    if "the directory is not used" not in said:
        world.wrong.append(f"P23 a reload of what nobody can read: {said}")
    world.machine.initctl("daemon-reload", seconds=PATIENCE)
