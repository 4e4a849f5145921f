"""Faults of PID 1 where it is that of a machine, and a panic is the end: no service notices, no exit is lost.

    faults_test.py PROGRAMS CACHE      as smoke_test.py; INITD_SEED and INITD_FAULTS say which and how many (20), INITD_SECONDS
                                       after what time the rest is left out
"""

import base64
import binascii
import contextlib
import gzip
import os
import pathlib
import random
import sys
import tempfile
import zlib

import tiny

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ["INITD_PROGRAMS"] = str(pathlib.Path(sys.argv[1]).resolve())  # for machine.py
sys.path[:0] = [str(ROOT / "tests/integration"), str(ROOT / "tests/chaos")]

import faults  # noqa: E402
import load  # noqa: E402
import observers  # noqa: E402
from machine import read  # noqa: E402

PLACE = "/run/load"
COUNTS = {load.IDLE: 5, load.LOOPING: 5, load.CRASHING: 5, load.ORPHANING: 2, load.CHAINED: 5}
FAULTS = int(os.environ.get("INITD_FAULTS", "20"))
SECONDS = float(os.environ.get("INITD_SECONDS", "inf"))
ROUND = 50  # faults from one look at the ledgers to the next, while the flight recorder still knows what happened
# What one needs to know of a machine in which something is wrong; all of it stands in the console that is kept.
EVIDENCE = ("initctl status", "cat /proc/meminfo", "dmesg", "initctl report --system --json | gzip | base64")
LONGEST = 1000  # steps: each takes a millisecond and more in an emulator


class FaultsTest(tiny.TinyMachine):
    more_programs = ("actor", "strike")

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.load = load.Load(pathlib.Path(cls.folder.name), counts=COUNTS)
        paths = {str(load.ACTOR): "/sbin/actor", cls.folder.name: PLACE}
        cls.more_units = {}
        for unit, text in cls.load.units().items():
            for here, there in paths.items():
                text = text.replace(here, there)
            cls.more_units[f"{unit}.toml"] = text
        super().setUpClass()

    def strikes(self):
        """Half of them at once, by a signal, half after single steps; some of those jump to where nothing is."""
        seed = int(os.environ.get("INITD_SEED") or random.randrange(1 << 32))
        print(f"INITD_SEED={seed}", flush=True)
        chance = random.Random(seed)
        for i in range(FAULTS):
            signal = int(chance.choice(faults.FAULTS))
            steps = chance.randrange(1, LONGEST)
            yield f"{signal}" if i % 2 == 0 else f"{chance.choice((signal, faults.NOWHERE))} {steps}"

    def take_ledgers(self, machine):
        """What the ledgers have gained since the last time."""
        sizes = {unit: len(read(self.load.place / unit)) for unit in self.load.kind_of}
        places = " ".join(f"{unit}+{size + 1}" for unit, size in sizes.items())  # the shell takes lines of 1,023 bytes
        tails = f"for p in {places}; do echo =${{p%+*}}; tail -c +${{p#*+}} {PLACE}/${{p%+*}}; done"
        for part in self.ask_whole(machine, tails).split("=")[1:]:
            unit, _, gained = part.partition("\n")
            with open(self.load.place / unit, "a") as ledger:
                ledger.write(gained)

    def ask_whole(self, machine, command):
        """What a command wrote, without a word of whoever else writes to the console at that time."""
        while True:
            with contextlib.suppress(binascii.Error, EOFError, OSError, zlib.error):
                packed = "".join(self.ask(machine, f"({command}) | gzip | base64", timeout=240).split())
                return gzip.decompress(base64.b64decode(packed, validate=True)).decode()

    def ended_runs(self, unit):
        """Entries of all runs that another one has followed."""
        entries = self.load.ledger(unit)
        return [entry for entry in entries if entry.invocation != entries[-1].invocation]

    def expect_none(self, machine, wrong):
        if wrong:
            for command in EVIDENCE:
                machine.run(command, timeout=600)
            self.fail("\n".join(wrong))

    def strike(self, machine):
        for number, words in enumerate(self.strikes(), 1):
            self.ask(machine, f"strike 1 {words}", timeout=120)  # it fails when PID 1 does not execute itself anew
            self.done = number
            if machine.age() > SECONDS:
                break
            if number % ROUND == 0:
                self.take_ledgers(machine)
                print(f"{number} faults, {self.ends()} ends, {machine.age():.0f} s", flush=True)
                self.expect_none(machine, [wrong for unit in self.load.moving for wrong in observers.check_exits(unit, self.ended_runs(unit))])

    def ends(self):
        return sum(entry.word == "record" for unit in self.load.kind_of for entry in self.load.ledger(unit))

    def test_nothing_is_lost(self):
        with self.boot() as machine:
            self.ask(machine, f"mkdir {PLACE}")
            self.ask(machine, "initctl start still.target", timeout=240)
            # It waits until none of those that end again and again is just being started, which may be for ever.
            self.ask(machine, "initctl start --no-block moving.target")
            shell = self.ask(machine, "echo $$")
            self.strike(machine)
            self.assertIn("--resume", self.ask(machine, "cat /proc/1/cmdline"))
            self.assertEqual(self.ask(machine, "echo $$"), shell)
            self.check_death_of_manager(machine)
            self.ask(machine, f"initctl stop {' '.join(self.load.kind_of)}", timeout=240)
            self.take_ledgers(machine)
            self.expect_none(machine, list(observers.check_ledgers(self.load, None)))
            print(f"{self.done} faults, {self.ends()} ends", flush=True)
            self.assertGreater(self.ends(), len(self.load.kind_of))
            self.check_poweroff(machine)


if __name__ == "__main__":
    tiny.main()
