"""The load that faults are tried under: services of every kind, each of which keeps a ledger of its own (actor.cpp)."""

import dataclasses
import json
import os

from machine import PROGRAMS, read

ACTOR = PROGRAMS / "actor"
IDLE, WRITING, LOOPING, CRASHING, ORPHANING, TOGGLED, CHAINED = ("idle", "writing", "looping", "crashing", "orphaning", "toggled",
                                                                 "chained")  # fmt: skip
# Kind: how many of each hundred services, what they do, and what their units say besides.
KINDS = {
    IDLE: (60, ["hold"], ""),
    WRITING: (15, ["write"], '[log]\nsize = "1G"\ntotal = "2G"\ncompress = false\n'),
    LOOPING: (5, ["loop", "300"], ""),
    CRASHING: (5, ["crash", "600"], ""),
    ORPHANING: (5, ["orphans"], ""),
    TOGGLED: (5, ["hold"], ""),
    CHAINED: (5, ["ready"], ""),
}
BROOD = "brood.service"  # of processes that end all at once; only a fault starts it
BROOD_SIZE = 500
PASSING = "passing.service"  # only a fault starts this and the others here
BOMB = "bomb.service"
BOMB_TEXT = """[service]
command = {command}
user = "nobody"
stop-timeout = "100ms"
[limits]
nproc = 150
"""
# What of each needs a file system that a fault puts in its way.
FROZEN = {
    "frozen-directory.service": 'working-directory = "{place}"',
    "frozen-environment.service": 'environment-files = ["{place}/environment"]',
    "frozen-output.service": 'stdout = "file:{place}/output"',
}
STILL = (IDLE, WRITING)  # nobody touches them
SERVICE = """[unit]
{unit}
[service]
command = {command}
post-stop = [{record}]
restart = "always"
restart-delay = "10ms"
restart-delay-max = "50ms"
stop-timeout = "1min"
{service}
{more}"""


@dataclasses.dataclass
class Entry:
    """One line of a ledger (actor.cpp says what the words mean)."""

    word: str
    pid: int
    invocation: str
    time: float  # of CLOCK_MONOTONIC, seconds
    value: str


class Load:
    """Units and ledgers of `scale` hundred services, or of so many of each kind, in a directory of their own; program is their actor."""

    def __init__(self, place, scale=1, counts=None, program=ACTOR):
        self.place = place
        self.program = program
        counts = counts or {kind: count * scale for kind, (count, _, _) in KINDS.items()}
        self.of_kind = {kind: [f"{kind}{i:03}.service" for i in range(counts.get(kind, 0))] for kind in KINDS}
        self.kind_of = {unit: kind for kind, units in self.of_kind.items() for unit in units}
        self.still = [unit for kind in STILL for unit in self.of_kind[kind]]
        self.gate = place / "gate"  # of the brood
        self.cold = place / "cold"
        self.cold.mkdir()
        os.mkfifo(self.gate)
        self.moving = [unit for unit in self.kind_of if unit not in self.still]

    def units(self):
        """{id: text} of all services and of the two targets that want them."""
        texts = {unit: self._text(unit) for unit in self.kind_of}
        texts[BROOD] = f"[service]\ncommand = {self.actor(BROOD, 'brood', str(BROOD_SIZE), str(self.gate))}\n"
        texts[PASSING] = f"[service]\ncommand = {self.actor(PASSING, 'hold')}\n"
        texts[BOMB] = BOMB_TEXT.format(command=self.actor(BOMB, "bomb"))
        for unit, key in FROZEN.items():
            texts[unit] = f"[service]\ncommand = {self.actor(unit, 'hold')}\n{key.format(place=self.cold)}\n"
        texts["still.target"] = f"[unit]\nwants = {json.dumps(self.still)}\n"
        texts["moving.target"] = f"[unit]\nwants = {json.dumps(self.moving)}\n"
        return texts

    def _text(self, unit):
        kind = self.kind_of[unit]
        _, words, more = KINDS[kind]
        before = self.needed_by(unit)
        return SERVICE.format(unit=f'requires = ["{before}"]' if before else "", command=self.actor(unit, *words),
                              record=self.actor(unit, "record"), service="ready-fd = 3" if kind == CHAINED else "",
                              more=more)  # fmt: skip

    def actor(self, unit, *words):
        return json.dumps([str(self.program), str(self.place / unit), *words])

    def needed_by(self, unit):
        """The service that a chained one requires: chains of five."""
        chained = self.of_kind[CHAINED]
        if unit not in chained or chained.index(unit) % 5 == 0:
            return None
        return chained[chained.index(unit) - 1]

    def heads(self):
        """The first of each chain."""
        return self.of_kind[CHAINED][::5]

    def forget(self, unit):
        (self.place / unit).unlink()

    def ledger(self, unit):
        entries = []
        for line in read(self.place / unit).splitlines():
            word, pid, invocation, time, *value = line.split()
            entries.append(Entry(word, int(pid), invocation, int(time) / 1e9, " ".join(value)))
        return entries


def numbered_line(number):
    """What the writing services write."""
    return f"{number} " + "x" * (number * 7919 % 2**32 % 120)
