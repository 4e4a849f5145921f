"""`initd -- command` beside tini, dumb-init and catatonit. "limit" is the fastest of these three."""
import pathlib
import shutil
import statistics
import subprocess
import time
from dataclasses import dataclass

from .box import Failed, Process, wait_until
from .measures import Row

NAMESPACE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]


@dataclass
class Wrapper:
    name: str
    command: list


def all_wrappers(tools):
    wrappers = [Wrapper("initd", [tools / "initd", "--"]), Wrapper("tini", ["tini", "-s", "--"]),
                Wrapper("dumb-init", ["dumb-init"]), Wrapper("catatonit", ["catatonit", "--"])]
    return [wrapper for wrapper in wrappers if shutil.which(wrapper.command[0])]


def run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          timeout=120)
    if done.returncode != 0:
        raise Failed(f"{command[0]}: {done.stderr.strip()[-300:]}")
    return done.stdout


def memory_of(wrapper):
    """(PSS, what is its alone), KiB, while the command sleeps."""
    process = subprocess.Popen([str(word) for word in [*wrapper.command, "sleep", "1000"]])
    try:
        children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
        wait_until(lambda: children.read_text() and Process(int(children.read_text())).program() == "sleep", "the command")
        time.sleep(1)  # initd gives back what only its start needed when the command has lived for half a second
        lines = (Process(process.pid).proc / "smaps_rollup").read_text().splitlines()[1:]
        figures = {line.split(":")[0]: int(line.split()[1]) for line in lines}
        return figures["Pss"], figures["Pss_Anon"]
    finally:
        process.terminate()
        process.wait()


def add_limit(row):
    peers = [name for name in row.figures if name != "initd"]
    if peers:
        row.figures["limit"] = row.figures[min(peers, key=lambda name: statistics.median(row.figures[name]))]
    return row


def wrapper(bench):
    turns = 5 if bench.quick else 20
    orphans = 1000 if bench.quick else 10000
    start = Row("wrapper: start, /bin/true, end", "us", ratio_aim=1.0)
    pss = Row("wrapper: PSS", "KiB", ratio_aim=1.0)
    own = Row("wrapper: memory of its own", "KiB", ratio_aim=1.0)
    storm = Row(f"wrapper: storm of {orphans} orphans", "ms", ratio_aim=1.0)
    for _ in range(bench.rounds):
        for _ in range(turns):  # short ones, so that noise hits all alike
            for one in all_wrappers(bench.tools):
                start.add(one, int(run(bench.tools / "bench-launch", 15, *one.command, "/bin/true")) / 1e3)
        for one in all_wrappers(bench.tools):
            for row, figure in zip((pss, own), memory_of(one)):
                row.add(one, figure)
            storm.add(one, int(run(*NAMESPACE, *one.command, bench.tools / "bench-storm", orphans)) / 1e6)
    return [add_limit(row) for row in (start, pss, own, storm)]
