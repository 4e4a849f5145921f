#!/usr/bin/env python3
"""Faults under load, and what has to hold all the same. docs/reliability.md says what for and with which results.

INITD_CHAOS says what to do, "P1=1000 P2=100": so many of each fault, in random order. Default: a sample of all, by the commit.
P24=1, a console that nobody reads, is there from the beginning; else half the seeds have it.
INITD_SEED is the seed of all chance (default: the commit). INITD_CHAOS_SCALE: so many hundred services (1). INITD_CHAOS_SECONDS:
after so long the rest is left out. INITD_CHAOS_PACE: at most one fault in so many seconds.
"""

import collections
import os
import pathlib
import random
import statistics
import subprocess
import sys
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/integration"))

import faults  # noqa: E402
from world import World  # noqa: E402

SCALE = int(os.environ.get("INITD_CHAOS_SCALE", "1"))
SECONDS = float(os.environ.get("INITD_CHAOS_SECONDS", "inf"))
PACE = float(os.environ.get("INITD_CHAOS_PACE", "0"))
ALWAYS = {"P1": 15, "P2": 5}  # of each sample
OTHERS = 3  # of each sample, by chance
MANY = 300  # of P2s: each function of PID 1's loop must have been hit by then
ASKED = ("P2s", "P3", "P4", "P8", "P9", "P11")  # in no sample: only when INITD_CHAOS says so
TABLE = {
    "P1": faults.kill_manager,
    "P2": faults.fault_pid1,
    "P2s": faults.fault_pid1_at_a_step,
    "P3": faults.crash_manager,
    "P4": faults.stop_manager,
    "P5": faults.kill_manager_twice,
    "P6": faults.upgrade,
    "P8": faults.call_fails,
    "P9": faults.calls_fail,
    "P11": faults.no_descriptors,
    "P12": faults.fork_bomb,
    "P15": faults.run_is_full,
    "P19": faults.crowd,
    "P21": faults.storm,
    "P23": faults.frozen_files,
}


def commit_seed():
    """The same for each run on one commit."""
    found = subprocess.run(["git", "-C", ROOT, "rev-parse", "HEAD"], capture_output=True, text=True)
    return int(found.stdout.strip() or "0", 16) % (1 << 32)


def plan_of(chance):
    """The faults, and whether the console is deaf."""
    asked = os.environ.get("INITD_CHAOS", "")
    counts = {name: int(count) for name, count in (word.split("=") for word in asked.split())}
    deaf = bool(counts.pop("P24", chance.random() < 0.5))
    if not counts:
        counts = ALWAYS | dict.fromkeys(chance.sample([name for name in TABLE if name not in (*ALWAYS, *ASKED)], OTHERS), 1)
    plan = [name for name, count in counts.items() for _ in range(count)]
    chance.shuffle(plan)
    return plan, deaf


class ChaosTest(unittest.TestCase):
    def test_nothing_is_lost(self):
        seed = int(os.environ.get("INITD_SEED") or commit_seed())
        plan, deaf = plan_of(random.Random(seed))
        print(f"INITD_SEED={seed}", {name: plan.count(name) for name in TABLE if name in plan}, "P24" if deaf else "", flush=True)
        with World(seed, SCALE, deaf) as world:
            self.carry_out(world, plan)
            wrong = world.verdict()
        self.tell(world)
        if plan.count("P2s") >= MANY and world.unmet():
            wrong.append(f"P2s never in {world.unmet()}")
        if wrong:
            self.fail("\n".join(wrong))

    def carry_out(self, world, plan):
        started = told = time.monotonic()
        done = collections.Counter()
        for at, name in enumerate(plan):
            time.sleep(max(0.0, started + at * PACE - time.monotonic()))
            TABLE[name](world)
            done[name] += 1
            if time.monotonic() > started + SECONDS:
                break
            if time.monotonic() > told + 300:
                told = time.monotonic()
                print(f"{done.total()} of {len(plan)} in {told - started:.0f} s", flush=True)
                self.tell(world)
        print(f"{dict(done)} in {time.monotonic() - started:.1f} s", flush=True)

    def tell(self, world):
        for name, seconds in sorted(world.figures.items()):
            print(f"{name}: median {statistics.median(seconds) * 1000:.1f} ms, longest {max(seconds) * 1000:.1f} ms of {len(seconds)}",
                  flush=True)  # fmt: skip
        for name, count in getattr(world, "counts", {}).items():
            print(f"{count} {name}", flush=True)
        for name, count in world.hit.most_common():
            print(f"P2s {count} in {name}", flush=True)
        if world.hit:
            print(f"P2s never in {world.unmet()}", flush=True)


if __name__ == "__main__":
    unittest.main()
