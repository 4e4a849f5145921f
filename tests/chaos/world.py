"""initd under load, observed: what a fault is given to strike, and what has to hold when all is over."""

import collections
import contextlib
import os
import random
import select
import shutil
import signal
import subprocess
import time

import observers
from calls import failing_calls, wants
from clients import PATIENCE, Pollers, Toggler, ask
from load import ACTOR, CHAINED, CRASHING, LOOPING, ORPHANING, STILL, TOGGLED, WRITING, Load
from machine import PROGRAMS, ROOT, parent_of, read, wait_until
from struck_machine import StruckMachine
from symbols import Symbols

OLDEST_ZOMBIE = float(os.environ.get("INITD_CHAOS_ZOMBIE", "20"))  # seconds; 1 on a machine that has nothing else to do


class World:
    """with World(seed) as world: strike it; then world.verdict() says what is wrong. deaf: nobody reads its console."""

    def __init__(self, seed, scale=1, deaf=False):
        self.chance = random.Random(seed)
        self.scale = scale
        self.machine = StruckMachine(deaf)
        self.symbols = Symbols(PROGRAMS / "initd")
        self.figures = {}  # name: [seconds]
        self.hit = collections.Counter()  # functions of PID 1 that it was stopped in
        self.failing, self.denying = failing_calls(self.chance), wants(self.chance)
        self.wants = []  # [(since, until)]
        self.wanting = False
        self.wrong = []  # that a fault has seen

    # ---- Life

    def __enter__(self):
        self.machine.__enter__()
        try:
            self._begin()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def _begin(self):
        ledgers = self.machine.place / "ledgers"
        ledgers.mkdir()
        ledgers.chmod(0o777)  # not all services are root's
        self.load = Load(ledgers, self.scale, program=shutil.copy(ACTOR, ledgers))  # where all can reach it
        for unit, text in self.load.units().items():
            self.machine.write_unit(unit, text)
        self.machine.initctl("daemon-reload")
        self.machine.initctl("start", "still.target", seconds=PATIENCE)
        wait_until("the still services run", lambda: all(self.load.ledger(unit) for unit in self.load.still))
        logs = [self.machine.logs / unit / "current" for unit in (*self.load.of_kind[WRITING], "initd")]
        wait_until("all logs are open", lambda: all(log.exists() for log in logs))
        self.pids = {row["id"]: row["main_pid"] for row in self.rows() if self.load.kind_of.get(row["id"]) in STILL}
        self.still = {unit: pid for pid, unit in self._units_by_host_pid().items() if unit in self.pids}
        self.before = self.usage()
        self._start_canary()
        self.machine.initctl("start", "moving.target", seconds=PATIENCE)
        self._start_clients()

    def _units_by_host_pid(self):
        """By the command line: its second word is the ledger, called as the unit."""
        words = {pid: read(f"/proc/{pid}/cmdline").split("\0") for pid in self.machine.services() if parent_of(pid) == self.machine.pid}
        return {pid: os.path.basename(line[1]) for pid, line in words.items() if len(line) > 1}

    def _start_canary(self):
        ledger = self.load.place / "canary"
        enter = [ROOT / "tools/namespace", "--enter", str(self.machine.pid), "--"]
        self.canary = subprocess.Popen([*enter, ACTOR, ledger, "canary"], start_new_session=True)
        wait_until("the canary lives", lambda: self.load.ledger("canary"))

    def _start_clients(self):
        path = self.machine.runtime / "control"
        toggled = self.load.of_kind[TOGGLED]
        half = len(toggled) // 2
        parts = [(toggled[:half], False), (toggled[half:], True), (self.load.heads(), False)]
        self.togglers = [Toggler(self.machine, units, self.chance.randrange(1 << 30), hand) for units, hand in parts]
        self.watch = observers.Watch(self.machine.pid, self.still, OLDEST_ZOMBIE)
        self.pollers = Pollers(path, 10 * self.scale, self.chance.random())
        for beside in (self.watch, self.pollers, *self.togglers):
            beside.start()

    def __exit__(self, kind, *rest):
        for beside in (getattr(self, "watch", None), getattr(self, "pollers", None)):
            if beside is not None and beside.is_alive():
                beside.kill()
        for toggler in getattr(self, "togglers", ()):
            toggler.stop.set()
        self.machine.__exit__(kind, *rest)
        if hasattr(self, "canary"):
            self.canary.wait()

    # ---- For faults

    def rows(self):
        """All units, as a new connection is told."""
        answer, _ = ask(self.machine.runtime / "control", "List")
        while self.wanting and answer.get("error") == "org.initd.Manager.TooManyClients":
            answer, _ = ask(self.machine.runtime / "control", "List")  # it was not known who asks
        if "error" in answer:
            raise RuntimeError(f"a list of all units is answered with {answer}")
        return answer["parameters"]["units"]

    def is_whole(self):
        """Each service that nobody touches is known to be up, as the process that it is."""
        return all(row and row["state"] == "active" and row.get("main_pid") == self.pids[row["id"]] for row in self.still_rows())

    def still_rows(self):
        """What initd shows of each service that nobody touches, but the time, which it rounds; None of one that it does not know."""
        rows = {row["id"]: {name: value for name, value in row.items() if name != "since_us"} for row in self.rows()}
        return [rows.get(unit) for unit in self.pids]

    def is_at_rest(self):
        """Whatever does not end by itself, and waits for no other, is up where it is wanted."""
        kinds = (*STILL, ORPHANING, TOGGLED)
        return all(row["state"] == "active" for row in self.rows() if row["wanted"] and self.load.kind_of.get(row["id"]) in kinds)

    def _await_recovery(self):
        """What should run does so, and what ends again and again has begun again."""
        since = time.monotonic()
        wait_until("all that should run do so again", self.is_at_rest, PATIENCE)
        before = {unit: len(self.load.ledger(unit)) for kind in (LOOPING, CRASHING) for unit in self.load.of_kind[kind]}
        wait_until("all that ends begins again", lambda: all(len(self.load.ledger(unit)) > count for unit, count in before.items()), PATIENCE)
        self.note("all goes on after a want", time.monotonic() - since)

    def await_whole(self, name, since):
        wait_until("the table of services is whole", self.is_whole, PATIENCE)
        self.note(name, time.monotonic() - since)

    def note(self, name, seconds):
        self.figures.setdefault(name, []).append(seconds)

    @contextlib.contextmanager
    def want(self):
        """For a fault under which starts fail, and are made up for afterwards. Nobody asks for any meanwhile."""
        with contextlib.ExitStack() as held:
            for toggler in self.togglers:
                held.enter_context(toggler.turn)
            since = time.monotonic()
            self.wanting = True
            try:
                yield
            finally:
                self.wanting = False
                self.wants.append((since, time.monotonic()))
            self._await_recovery()

    def unmet(self):
        """Functions of PID 1's loop that no fault has met yet."""
        return [name for name in sorted(self.symbols.loop) if name not in self.hit]

    def await_manager(self):
        return wait_until("there is a manager", self.machine.manager, PATIENCE)

    def parts(self):
        """What initd is made of: {name: pid}."""
        logger = wait_until("there is a logger", self.machine.logger, PATIENCE)
        return {"initd": self.machine.pid, "initd-manager": self.await_manager(), "initd-logger": logger}

    def kill_manager(self, number=signal.SIGKILL):
        """Kills it and waits for its end; when that was."""
        with self.manager_pidfd() as manager:
            since = time.monotonic()
            send(manager, number)
            await_end(manager)
        return since

    def settle(self):
        """Until manager and logger have lived through what went before."""
        before = None
        while (now := (self.machine.manager(), self.machine.logger())) != before or 0 in now:
            before = now
            time.sleep(0.3)

    def manager_pidfd(self):
        """The manager may be just ending, as PID 1 replaces it after some faults."""
        while True:
            with contextlib.suppress(ProcessLookupError):
                return os.fdopen(os.pidfd_open(self.await_manager()), "rb", buffering=0)

    def zombies(self):
        """Children of PID 1 that have ended and are not reaped."""
        children = read(f"/proc/{self.machine.pid}/task/{self.machine.pid}/children").split()
        return {pid for pid in children if observers.stat_of(pid)[0] == "Z"}

    def usage(self):
        """Descriptors and KiB of memory of its own, of each part of initd; again, if one of them ends meanwhile."""
        return wait_until("no part of initd ends", self._usage_now, PATIENCE)

    def _usage_now(self):
        with contextlib.suppress(FileNotFoundError):
            return {name: (len(os.listdir(f"/proc/{pid}/fd")), anonymous_kib(pid)) for name, pid in self.parts().items()}

    # ---- The end

    def verdict(self):
        """Ends the load; all that is wrong."""
        for toggler in self.togglers:
            toggler.finish()
        polled, watched = self.pollers.finish(), self.watch.finish()
        self.note("oldest zombie", watched["oldest zombie"])
        self.note("answer, p99", polled["p99"])
        self.note("answer, longest", polled["max"])
        wrong = [*self.wrong, *watched["wrong"], *(f"I6 {error}" for error in polled["refused"])]
        wrong += observers.check_callers(self.load, self.machine, self.togglers)
        self.machine.initctl("stop", "moving.target", *self.load.moving, seconds=PATIENCE)
        wrong += observers.check_restart_counts(self.load, self.machine)
        wrong += self._check_usage()
        self.machine.initctl("stop", "still.target", *self.load.still, seconds=PATIENCE)
        wrong += observers.check_ledgers(self.load, lambda unit: self.machine.whole_log(unit).splitlines(), self.wants)
        wrong += observers.check_canary(self.load.ledger("canary"))
        wrong += self._check_leftovers()
        if self.machine.poweroff() != 0:
            wrong.append("I12 the end was not orderly")
        self._count()
        return wrong

    def _check_leftovers(self):
        """I9: of all that services have started nothing is left."""
        lines = {pid: read(f"/proc/{pid}/cmdline").replace("\0", " ") for pid in self.machine.services()}
        return [f"I9 process {pid} is left: {line}" for pid, line in lines.items() if not line.endswith(" canary ")]

    def _check_usage(self):
        """I8: nothing but the still services runs, as at the beginning."""
        try:
            wait_until("descriptors are closed", lambda: not self._grown("descriptors", 0, 0), PATIENCE)
        except TimeoutError:
            pass
        return [*self._grown("descriptors", 0, 0), *self._grown("KiB of memory", 1, 1024)]

    def _grown(self, what, column, slack):
        after = self.usage()
        return [f"I8 {name} has {after[name][column]} {what} after {was[column]}"
                for name, was in self.before.items() if after[name][column] > was[column] * 1.01 + slack]  # fmt: skip

    def _count(self):
        ledgers = {unit: self.load.ledger(unit) for unit in self.load.kind_of}
        self.counts = {
            "ends": sum(entry.word == "record" for entries in ledgers.values() for entry in entries),
            "lines": sum(int(entry.value) for entries in ledgers.values() for entry in entries if entry.word == "lines"),
            "answers to start, stop, restart": sum(toggler.answers for toggler in self.togglers),
            "of them asked for again": sum(toggler.resent for toggler in self.togglers),
        }
        delays = [delay for unit in self.load.moving if self.load.kind_of[unit] not in (TOGGLED, CHAINED)
                  for delay in observers.delays_of(ledgers[unit])]  # fmt: skip
        for delay in delays:
            self.note("from an end to the next start", delay)


def send(pidfd, number):
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(pidfd.fileno(), number)


def await_end(pidfd):
    if not select.select([pidfd], [], [], PATIENCE)[0]:
        raise TimeoutError("a process does not end")


def anonymous_kib(pid):
    return sum(int(line.split()[1]) for line in read(f"/proc/{pid}/status").splitlines() if line.startswith("RssAnon"))
