"""What initd is struck by, each a short function that returns when initd works again. The names are those of docs/reliability.md."""

import signal
import subprocess
import time

from machine import PROGRAMS

STRIKE = PROGRAMS / "strike"
FAULTS = (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT, signal.SIGSYS)
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
    fault = world.chance.choice(FAULTS)
    done = subprocess.run([STRIKE, str(world.machine.pid), str(int(fault)), *map(str, words)], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"PID 1 and signal {int(fault)}: {done.stderr}")
    address, microseconds = done.stdout.split()
    return int(address, 0), int(microseconds) / 1e6


def fault_pid1(world):
    """P2: PID 1 faults at once, wherever it is."""
    pause(world)
    world.note("P2 PID 1 resumed", strike(world)[1])
    world.await_whole("P2 table whole again", time.monotonic())
