"""What must hold whatever initd is struck by, checked from outside: by /proc, by the ledgers of the services, and by the books of
the callers. A check returns sentences, one for each thing that is wrong; the numbers are those of docs/reliability.md."""

import bisect
import collections
import math
import time

from beside import Beside
from load import CHAINED, CRASHING, IDLE, LOOPING, STILL, WRITING, numbered_line
from machine import read


ASKED = ("exited 0", "killed TERM")  # ends of services that were told to end

UNBORN = (["killed TERM"], ["- -"])  # recorded of one that was told to end before it could begin, or before it was made


def stat_of(pid):
    """State and start time (clock ticks since boot) of a process; "" when it is gone."""
    fields = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return (fields[0], fields[19]) if fields else ("", "")


WAITS = {"232", "281", "441"}  # epoll_wait(2), epoll_pwait(2), epoll_pwait2(2)


def standstill_of(pid):
    """What a process waits in other than its loop: the call, and how often it has run until then. None: it does no such thing."""
    call = read(f"/proc/{pid}/syscall").split()
    if stat_of(pid)[0] not in ("S", "D") or not call or call[0] in WAITS | {"running"}:
        return None
    switches = [line for line in read(f"/proc/{pid}/status").splitlines() if "ctxt_switches" in line]
    return call[0], *switches


class Watch(Beside):
    """I1, I2 and I10, ten times a second: services that nobody touches stay the processes that they are, no zombie grows old, and PID 1
    waits for nothing but what its loop waits for."""

    def __init__(self, initd, still, oldest):
        super().__init__(pace=0.1)
        self.initd, self.still, self.oldest = initd, still, oldest  # still: {unit: host pid}

    def begin(self):
        self.starts = {unit: stat_of(pid)[1] for unit, pid in self.still.items()}
        self.zombies = {}  # (pid, start time): since when
        self.standstill = None
        self.age, self.wrong = 0, {}

    def look(self):
        for unit, pid in self.still.items():
            state, start = stat_of(pid)
            if state in "ZX" or start != self.starts[unit]:
                self.wrong[unit] = f"I1 {unit}: process {pid} is not the one it was"
        self._look_at_zombies()
        before, self.standstill = self.standstill, standstill_of(self.initd)
        if self.standstill is not None and self.standstill == before:
            self.wrong["standstill"] = f"I10 PID 1 stood still in system call {before[0]}"

    def _look_at_zombies(self):
        now = time.monotonic()
        seen = {}
        for pid in read(f"/proc/{self.initd}/task/{self.initd}/children").split():
            state, start = stat_of(pid)
            if state == "Z":
                seen[pid, start] = self.zombies.get((pid, start), now)
        if stat_of(self.initd)[0] in "Tt":  # who is held cannot reap
            seen = dict.fromkeys(seen, now)
        self.zombies = seen
        self.age = max([self.age, *(now - since for since in seen.values())])

    def found(self):
        if self.age > self.oldest:
            self.wrong["zombie"] = f"I2 a zombie was {self.age:.1f} s old"
        return {"wrong": list(self.wrong.values()), "oldest zombie": self.age}


# ---- The ledgers, when all has come to rest

def runs_of(entries):
    """{invocation: {word: [value]}} in the order of their beginning."""
    runs = collections.defaultdict(lambda: collections.defaultdict(list))
    for entry in entries:
        runs[entry.invocation][entry.word].append(entry.value)
    return runs


def merged(spans):
    """The same times as spans that neither touch nor overlap, in their order."""
    apart = []
    for since, until in sorted(spans):
        if apart and since <= apart[-1][1]:
            apart[-1][1] = max(apart[-1][1], until)
        else:
            apart.append([since, until])
    return apart


def excused(entries, wants):
    """Runs after which a step could not be started: they ended, and the next began, while there was a want of something."""
    starts = sorted(entry.time for entry in entries if entry.word == "start")
    wants = merged(wants)
    found = set()
    for entry in entries:
        if entry.word == "exit":
            start = bisect.bisect_right(starts, entry.time)
            following = starts[start] if start < len(starts) else math.inf
            want = bisect.bisect_right(wants, entry.time, key=lambda span: span[1])  # the first that is not over
            if want < len(wants) and wants[want][0] < following:
                found.add(entry.invocation)
    return found


def check_exits(unit, entries, wants=()):
    """I3: each end is recorded once, as it was."""
    runs = runs_of(entries)
    unrecorded = excused(entries, wants)
    for i, (invocation, run) in enumerate(runs.items()):
        real = run["exit"]
        if not run["start"] and run["record"] in UNBORN:
            continue
        elif not real and i == len(runs) - 1:
            continue  # it lives
        elif not run["record"] and len(real) == 1 and invocation in unrecorded:
            continue
        if run["record"] != real or len(real) != 1:
            yield f"I3 {unit}: run {invocation} ended {real}, recorded as {run['record']}"


def check_restarts(unit, entries):
    """I4: every end brings one start, never two at a time."""
    for entry in entries:
        if entry.word == "contended":
            yield f"I4 {unit}: process {entry.pid} began while an earlier run was alive"
    twice = [run for run, words in runs_of(entries).items() if len(words["start"]) > 1]
    if twice:
        yield f"I4 {unit}: runs {twice} were started twice"


def delays_of(entries):
    """Seconds from each end to the start after it."""
    times = [entry for entry in entries if entry.word in ("start", "exit")]
    return [b.time - a.time for a, b in zip(times, times[1:]) if (a.word, b.word) == ("exit", "start")]


def check_sequence(unit, kind, entries):
    """I3: the ends of a loop are numbered, so none is missing."""
    if kind != LOOPING:
        return
    codes = [entry.value for entry in entries if entry.word == "exit" and entry.value != "exited 0"]
    if codes != [f"exited {1 + i % 250}" for i in range(len(codes))]:
        yield f"I3 {unit}: its own ends are {codes}"


def check_places(unit, entries):
    """I9: it ran in its own control group."""
    for entry in entries:
        if entry.word == "astray":
            yield f"I9 {unit}: process {entry.pid} was in another control group"


def check_log(unit, entries, lines):
    """I5: what it says that it wrote is what is stored, line by line."""
    written = [int(entry.value) for entry in entries if entry.word == "lines"]
    if not written or any(entry.word == "unwritten" for entry in entries):
        yield f"I5 {unit}: it could not write"
        return
    for i, line in enumerate(lines):
        if line != numbered_line(i + 1):
            yield f"I5 {unit}: line {i + 1} of {written[0]} is {line[:40]!r}"
            return
    if len(lines) != written[0]:
        yield f"I5 {unit}: {written[0]} lines were written, {len(lines)} are stored"


def lives_of(entries):
    """[from, until] of each time that a chained service was ready, by its own word."""
    lives = []
    for entry in entries:
        if entry.word == "ready":
            lives.append([entry.time, float("inf")])
        elif entry.word == "exit" and lives:
            lives[-1][1] = min(lives[-1][1], entry.time)
    return lives


def check_order(unit, entries, needed):
    """I7: it began only when what it requires was ready, and that one was let go only after it."""
    lives = lives_of(needed)
    runs = collections.defaultdict(dict)
    for entry in entries:
        runs[entry.invocation][entry.word] = entry.time
    for run in runs.values():
        if "start" not in run:
            continue
        life = bisect.bisect_right(lives, run["start"], key=lambda span: span[0]) - 1
        until = lives[life][1] if life >= 0 else -math.inf
        if run["start"] > until:
            yield f"I7 {unit}: a start at {run['start']:.3f} while what it requires was not up"
        elif run.get("exit", until) > until:
            yield f"I7 {unit}: what it requires ended at {until:.3f}, before it"


def check_ledgers(load, lines_of, wants=()):
    """All of the above. lines_of(unit): its stored lines. wants: [(since, until)] of each time at which there was a want of something
    that a process needs."""
    ledgers = {unit: load.ledger(unit) for unit in load.kind_of}
    for unit, entries in ledgers.items():
        kind = load.kind_of[unit]
        yield from check_exits(unit, entries, wants)
        yield from check_restarts(unit, entries)
        yield from check_sequence(unit, kind, entries)
        yield from check_places(unit, entries)
        if kind == WRITING:
            yield from check_log(unit, entries, lines_of(unit))
        if kind == CHAINED and (needed := load.needed_by(unit)):
            yield from check_order(unit, entries, ledgers[needed])
        if kind in STILL and len(runs_of(entries)) != 1:
            yield f"I1 {unit}: it was started {len(runs_of(entries))} times"


def check_restart_counts(load, machine):
    """I4: the count that initd keeps is that of the ledger, when the services have been stopped."""
    for kind in (LOOPING, CRASHING):
        for unit in load.of_kind[kind]:
            ends = [entry.value not in ASKED for entry in load.ledger(unit) if entry.word == "exit"]
            counted = machine.status(unit).get("restarts", 0)
            # The stop may have come right after the last one.
            if counted not in (sum(ends), sum(ends[:-1])):
                yield f"I4 {unit}: {sum(ends)} ends, {counted} restarts counted"


def check_canary(entries):
    """I9: a process that is none of initd's gets no signal."""
    if [entry.word for entry in entries] != ["ready"]:
        yield f"I9 the canary heard {entries}"


def check_callers(load, machine, togglers):
    """I13, I14: one good answer to each request, carried out once, and the last one holds."""
    for toggler in togglers:
        for wrong in toggler.wrong:
            yield f"I14 {wrong}"
        for unit in toggler.units:
            starts = len({entry.invocation for entry in load.ledger(unit)})
            if not toggler.wrong and starts != 1 + toggler.starts[unit]:
                yield f"I14 {unit}: {toggler.starts[unit]} starts were answered, {starts - 1} happened"
            state = machine.status(unit)["state"]
            if (state == "active") != toggler.up[unit]:
                yield f"I13 {unit}: {state}, though {'start' if toggler.up[unit] else 'stop'} was the last request"
