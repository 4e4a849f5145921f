"""A box: one contender as PID 1 of fresh namespaces, with its files on tmpfs and a cgroup of its own."""
import itertools
import os
import pathlib
import shutil
import struct
import subprocess
import time

RECORD = struct.Struct("=Qi20s")
PATIENCE = 120.0  # seconds that any one wait may take
_serial = itertools.count()


class Failed(Exception):
    """A contender did not do what the benchmark asked of it."""


def cgroup_root():
    for place in (pathlib.Path("/sys/fs/cgroup/unified"), pathlib.Path("/sys/fs/cgroup")):
        if (place / "cgroup.procs").exists() and os.access(place, os.W_OK):
            return place
    return None


def wait_until(condition, what, patience=PATIENCE):
    """Polls: only the harness waits so; what is measured is stamped by the processes themselves."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            raise Failed(f"gave up waiting for {what}")
        time.sleep(0.002)


class Process:
    """Figures of one living process, read from /proc."""

    def __init__(self, pid):
        self.pid = pid
        self.proc = pathlib.Path("/proc") / str(pid)

    def program(self):
        try:
            return os.path.basename(os.readlink(self.proc / "exe"))
        except OSError:
            return ""

    def cpu_us(self):
        return int((self.proc / "schedstat").read_text().split()[0]) / 1000

    def pss_kib(self):
        for line in (self.proc / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
        return 0

    def switches(self):
        lines = (self.proc / "status").read_text().splitlines()
        return sum(int(line.split()[1]) for line in lines if "ctxt_switches" in line)


class Box:
    """with Box(tools, contender, n) as box: ...; leaving it kills everything and removes every trace."""

    def __init__(self, tools, contender, count, scenario="services"):
        self.tools, self.contender, self.count, self.scenario = tools, contender, count, scenario
        self.name = f"initd-bench-{os.getpid()}-{next(_serial)}"
        self.work = pathlib.Path("/dev/shm") / self.name
        self.stamps = self.work / "stamps"
        self.cgroup = cgroup_root() / self.name if cgroup_root() else None
        self.contain = None

    def __enter__(self):
        self.work.mkdir()
        self.work.chmod(0o755)
        if self.cgroup:
            self.cgroup.mkdir()
        try:
            self._launch(self.contender.prepare(self))
        except BaseException:
            self._clean()
            raise
        return self

    def __exit__(self, *_):
        self._clean()

    def _launch(self, command):
        log = open(self.work / "stderr", "wb")
        self.contain = subprocess.Popen(
            [self.tools / "bench-contain", self.stamps, self.cgroup or "-", *command],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, bufsize=1)
        log.close()
        self.pid = int(self.contain.stdout.readline().split()[1])

    def _clean(self):
        if self.contain and self.contain.poll() is None:
            self.contain.stdin.close()
            self.contain.wait()
        if self.cgroup:
            self._remove_cgroups()
        shutil.rmtree(self.work, ignore_errors=True)

    def _remove_cgroups(self):
        for folder, _, _ in os.walk(self.cgroup, topdown=False):
            wait_until(lambda folder=folder: self._try_rmdir(folder), f"{folder} to become empty", 10)

    @staticmethod
    def _try_rmdir(folder):
        try:
            os.rmdir(folder)
        except OSError:
            return False
        return True

    def wait_for_stamps(self, count):
        """All records in order of time, t0 first, once `count` services have stamped."""
        size = RECORD.size * (count + 1)

        def ready():
            if self.contain.poll() is not None:
                raise Failed(f"{self.contender.name} ended early: {self.errors()}")
            return self.stamps.exists() and self.stamps.stat().st_size >= size

        wait_until(ready, f"{count} stamps of {self.contender.name}: {self.errors()}")
        return sorted(RECORD.iter_unpack(self.stamps.read_bytes()))

    def errors(self):
        return (self.work / "stderr").read_text(errors="replace")[-400:]

    def total_cpu_us(self):
        """CPU of all that ever ran in the box; None without cgroup2."""
        if not self.cgroup:
            return None
        for line in (self.cgroup / "cpu.stat").read_text().splitlines():
            if line.startswith("usage_usec"):
                return int(line.split()[1])
        return None

    def settle(self):
        """Waits until nothing in the box has used CPU for a tenth of a second."""
        last = None
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            used = self.total_cpu_us() if self.cgroup else self.init_cpu_us()
            if used == last:
                return
            last = used
            time.sleep(0.1)

    def pids(self):
        if not self.cgroup:
            return self._descendants(self.pid)
        found = []
        for folder, _, _ in os.walk(self.cgroup):
            found += map(int, pathlib.Path(folder, "cgroup.procs").read_text().split())
        return found

    def _descendants(self, pid):
        found = [pid]
        for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            found += self._descendants(int(child))
        return found

    def init_processes(self):
        """Everything in the box that is not a service and not the harness's."""
        processes = [Process(pid) for pid in self.pids()]
        return [p for p in processes if p.program() and not p.program().startswith("bench-") or p.pid == self.pid]

    def init_cpu_us(self):
        return sum(p.cpu_us() for p in self.init_processes())

    def inside(self, *command, check=True):
        """Runs a command in the box's namespaces and gives back what it printed."""
        done = subprocess.run(["nsenter", "-t", str(self.pid), "-p", "-m", "-i", "-u", "--", *map(str, command)],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=PATIENCE)
        if check and done.returncode != 0:
            raise Failed(f"{command[0]}: {done.stderr.strip()[-300:]}")
        return done.stdout

    def stop(self):
        """Asks PID 1 to end by its signal; the milliseconds until it was gone."""
        self.contain.stdin.write(f"stop {self.contender.stop_signal}\n")
        line = self.contain.stdout.readline().split()
        self.contain.wait(timeout=PATIENCE)
        return int(line[1]) / 1e6
