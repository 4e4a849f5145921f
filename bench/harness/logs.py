"""Storing 1 GiB of lines of 100 bytes, from one service and from fifty: by initd-logger, by s6-log and svlogd, and by nobody,
straight to a file, which stands as the limit. All stamp and rotate but the last; all write to tmpfs."""
import os
import pathlib
import resource
import shutil
import subprocess
import tempfile
import time

from .box import Box, Failed, wait_until
from .contenders import Initd, service_name
from .measures import Row

LINE = 100  # bytes
LAST = b"talk has ended\n"
LOG = "[log]\nsize = \"16M\"\ncount = 4\ncompress = false\n"  # the others keep as much
PIPES = {
    "limit": "{talk} {lines} >{place}/log",
    "s6-log": "{talk} {lines} | s6-log t s16000000 n4 {place}",
    "svlogd": "{talk} {lines} | svlogd -ttt {place}",
}


class Talkers(Initd):
    def __init__(self, tools, lines):
        super().__init__(tools)
        self.lines = lines

    def unit(self, box, index):
        return f'[service]\ncommand = ["{self.tools}/bench-talk", "{self.lines}"]\nrestart = "no"\n{LOG}'


def by_initd(bench, services, lines):
    """(seconds, CPU seconds of all)"""
    before = time.monotonic()
    with Box(bench.tools, Talkers(bench.tools, lines), services) as box:
        logs = [box.work / "log" / f"{service_name(i)}.service" / "current" for i in range(services)]
        for log in logs:
            wait_until(lambda log=log: tail_of(log) == LAST, f"the last line of {log}: {box.errors()}", 300)
        return time.monotonic() - before, (box.total_cpu_us() or box.init_cpu_us()) / 1e6


def tail_of(path):
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - len(LAST)))
            return file.read()
    except OSError:  # it is just being closed
        return b""


def by_pipe(bench, name, services, lines):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as top:
        places = [pathlib.Path(top) / service_name(i) for i in range(services)]
        for place in places:
            place.mkdir()
            (place / "config").write_text("s16000000\nn4\n")  # of svlogd
        commands = [PIPES[name].format(talk=bench.tools / "bench-talk", lines=lines, place=place) for place in places]
        before, used = time.monotonic(), cpu_of_children()
        shells = [subprocess.Popen(["sh", "-c", command], stderr=subprocess.DEVNULL) for command in commands]
        if any([shell.wait() for shell in shells]):
            raise Failed(f"{name} failed")
        return time.monotonic() - before, cpu_of_children() - used


def cpu_of_children():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def logs(bench):
    mebibytes = 64 if bench.quick else 1024
    rows = []
    for services in (1, 50):
        speed = Row(f"log {mebibytes} MiB from {services}: MB/s", "MB/s")
        cpu = Row(f"log {mebibytes} MiB from {services}: CPU of all, per GiB", "s")
        lines = mebibytes * 1024 * 1024 // LINE // services
        for _ in range(min(3, bench.rounds)):
            for name in ("initd", *(name for name in PIPES if name == "limit" or shutil.which(name))):
                seconds, used = by_initd(bench, services, lines) if name == "initd" else by_pipe(bench, name, services, lines)
                speed.figures.setdefault(name, []).append(lines * services * LINE / 1e6 / seconds)
                cpu.figures.setdefault(name, []).append(used * 1024 / mebibytes)
        rows += [speed, cpu]
    return rows
