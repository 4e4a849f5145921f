"""What initd is struck by, each a short function that returns when initd works again. The names are those of docs/reliability.md."""

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

from clients import PATIENCE
from load import BROOD, BROOD_SIZE
from machine import PROGRAMS, wait_until
from world import await_end, send

STRIKE = PROGRAMS / "strike"
FAULTS = (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT, signal.SIGSYS)
NOWHERE = 0  # instead of a signal
CROWD = int(os.environ.get("INITD_CHAOS_CROWD", "500"))
LONGEST_GAP = 0.25  # seconds


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


def strike(world, *words):
    """(function, seconds until it goes on) of a fault of PID 1; the words are those of strike.cpp."""
    fault = world.chance.choice((*FAULTS, NOWHERE) if words else FAULTS)
    done = subprocess.run([STRIKE, str(world.machine.pid), str(int(fault)), *map(str, words)], capture_output=True, text=True)
    address, *microseconds = done.stdout.split()
    where = world.symbols.at(int(address, 0))
    if done.returncode != 0:
        raise RuntimeError(f"PID 1, signal {int(fault)} in {where} ({address}): {done.stderr}")
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
    if world.chance.random() < 0.3:
        with world.manager_pidfd() as manager:
            send(manager, signal.SIGKILL)
    if world.chance.random() < 0.5:
        function, seconds = strike(world, world.chance.randrange(1, 5000))
    else:
        loop = sorted(world.symbols.loop)
        begin = world.symbols.loop[world.chance.choice([name for name in loop if name not in world.hit] or loop)]
        function, seconds = strike(world, world.chance.choice([1, 1, 2, 5, 20, 100]), begin)
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
        copy.rename(world.machine.programs / program)
    since = time.monotonic()
    world.machine.initctl("upgrade", seconds=PATIENCE)
    world.await_whole("P6 upgraded, table whole", since)


def no_descriptors(world):
    """P11: PID 1, manager and logger may open three more descriptors, no more. Services that end meanwhile cannot be started,
    but everybody is answered."""
    world.settle()
    parts = (world.machine.pid, world.await_manager(), world.machine.logger())
    before = {pid: resource.prlimit(pid, resource.RLIMIT_NOFILE) for pid in parts}
    with world.no_requests():
        try:
            for pid, (_, hard) in before.items():
                resource.prlimit(pid, resource.RLIMIT_NOFILE, (max(map(int, os.listdir(f"/proc/{pid}/fd"))) + 4, hard))
            for _ in range(5):
                pause(world)
                world.await_whole("P11 table told without descriptors", time.monotonic())
        finally:
            for pid, limits in before.items():
                with contextlib.suppress(ProcessLookupError):  # manager and logger may be others by now
                    resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        wait_until("all that should run do so again", world.is_at_rest, PATIENCE)


def crowd(world):
    """P19: thousands of connections of other users that say nothing, half of something, or never read; and the manager is killed."""
    command = [sys.executable, pathlib.Path(__file__).with_name("crowd.py"), world.machine.runtime / "control", str(CROWD)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as crowds:
        try:
            crowds.stdout.readline()
            world.await_whole("P19 table told beside a crowd", time.monotonic())
            kill_manager(world)
            world.await_whole("P19 table told beside a crowd", time.monotonic())
        finally:
            crowds.kill()


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
    """P21: while PID 1 stands still, hundreds of processes end."""
    world.machine.initctl("start", BROOD, seconds=PATIENCE)
    wait_until("the brood is there", lambda: any(entry.word == "ready" for entry in world.load.ledger(BROOD)[-1:]))
    os.kill(world.machine.pid, signal.SIGSTOP)
    try:
        with open(world.load.gate, "wb", buffering=0):
            wait_until("all have ended", lambda: world.zombies() >= BROOD_SIZE, PATIENCE)
    finally:
        since = time.monotonic()
        os.kill(world.machine.pid, signal.SIGCONT)
    wait_until("all are reaped", lambda: world.zombies() == 0, PATIENCE)
    world.note("P21 storm of 500 reaped", time.monotonic() - since)
    world.machine.initctl("stop", BROOD, seconds=PATIENCE)
