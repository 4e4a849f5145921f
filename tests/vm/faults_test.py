"""Faults of PID 1 where it is that of a machine, and a panic is the end: no service notices, no exit is lost.

    faults_test.py PROGRAMS CACHE      as smoke_test.py; INITD_SEED and INITD_FAULTS say which and how many (20)
"""

import os
import pathlib
import random
import sys
import tempfile

import tiny

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ["INITD_PROGRAMS"] = str(pathlib.Path(sys.argv[1]).resolve())  # for machine.py
sys.path[:0] = [str(ROOT / "tests/integration"), str(ROOT / "tests/chaos")]

import faults  # noqa: E402
import load  # noqa: E402
import observers  # noqa: E402

PLACE = "/run/load"
COUNTS = {load.IDLE: 5, load.LOOPING: 5, load.CRASHING: 5, load.ORPHANING: 2, load.CHAINED: 5}
FAULTS = int(os.environ.get("INITD_FAULTS", "20"))
LONGEST = 3000  # steps


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

    def test_nothing_is_lost(self):
        with self.boot() as machine:
            self.ask(machine, f"mkdir {PLACE}")
            self.ask(machine, "initctl start still.target moving.target", timeout=120)
            shell = self.ask(machine, "echo $$")
            for words in self.strikes():
                self.ask(machine, f"strike 1 {words}", timeout=120)  # it fails when PID 1 does not execute itself anew
            self.assertIn("--resume", self.ask(machine, "cat /proc/1/cmdline"))
            self.assertEqual(self.ask(machine, "echo $$"), shell)
            self.check_death_of_manager(machine)
            self.ask(machine, f"initctl stop {' '.join(self.load.kind_of)}", timeout=120)
            for unit in self.load.kind_of:
                (self.load.place / unit).write_text(self.ask(machine, f"cat {PLACE}/{unit}"))
            wrong = list(observers.check_ledgers(self.load, None))
            self.assertEqual(wrong, [], "\n".join(wrong))
            ends = sum(entry.word == "record" for unit in self.load.kind_of for entry in self.load.ledger(unit))
            print(f"{FAULTS} faults, {ends} ends", flush=True)
            self.assertGreater(ends, len(self.load.kind_of))
            self.check_poweroff(machine)


if __name__ == "__main__":
    tiny.main()
