"""One function per benchmark; each gives back the rows that it measured."""
import socket
import subprocess
import threading
import time
from dataclasses import dataclass, field

from .box import Box, Failed


@dataclass
class Row:
    what: str
    unit: str
    ratio_aim: float | None = None  # the most that initd may take, as a multiple of the limit's figure
    aim: float | None = None        # or in the row's own unit
    figures: dict = field(default_factory=dict)  # contender: the figure of each round

    def add(self, contender, figure):
        if figure is not None:
            self.figures.setdefault(contender.name, []).append(figure)


class Bench:
    """The run: who takes part, how many rounds, where the programs are."""

    def __init__(self, tools, contenders, rounds, quick, say):
        self.tools, self.contenders, self.rounds, self.quick, self.say = tools, contenders, rounds, quick, say

    def take_turns(self, count, wanted, body, scenario="services", rounds=None):
        """body(box, contender) in a fresh box for each contender, round by round, so that noise hits all alike."""
        failed = set()
        for _ in range(rounds or self.rounds):
            for contender in self.contenders:
                if contender.name in failed or count > contender.most_services or not wanted(contender):
                    continue
                try:
                    with Box(self.tools, contender, count, scenario) as box:
                        body(box, contender)
                except Failed as why:
                    failed.add(contender.name)
                    self.say(f"  {contender.name}: {why}")


def is_init(contender):
    return contender.name not in ("limit", "floor")


def boot_of(bench, count):
    first = Row(f"boot {count}: first start", "ms")
    last = Row(f"boot {count}: last start", "ms", ratio_aim=1.6)
    total = Row(f"boot {count}: CPU of all", "ms", ratio_aim=2.0)
    own = Row(f"boot {count}: CPU of the init itself", "ms")

    def body(box, contender):
        stamps = box.wait_for_stamps(count)
        box.settle()
        first.add(contender, (stamps[1][0] - stamps[0][0]) / 1e6)
        last.add(contender, (stamps[-1][0] - stamps[0][0]) / 1e6)
        if box.total_cpu_us() is not None:
            total.add(contender, box.total_cpu_us() / 1e3)
        own.add(contender, box.init_cpu_us() / 1e3)

    bench.take_turns(count, lambda c: True, body, rounds=bench.rounds if count <= 1000 else min(3, bench.rounds))
    return [first, last, total, own]


def boot(bench):
    rows = []
    for count in (10, 100) if bench.quick else (10, 100, 1000, 5000):
        rows += boot_of(bench, count)
    return rows


def smoke(bench):
    return boot_of(bench, 10)


def chain(bench):
    count = 200
    row = Row(f"chain of {count} oneshots: per hop", "us", ratio_aim=2.0)

    def body(box, contender):
        stamps = box.wait_for_stamps(count)
        row.add(contender, (stamps[-1][0] - stamps[1][0]) / 1e3 / (count - 1))

    bench.take_turns(count, lambda c: c.chains, body, scenario="chain")
    return [row]


def restart(bench):
    row = Row("kill -9 to new start", "us", ratio_aim=1.5)

    def body(box, contender):
        box.wait_for_stamps(10)
        box.settle()
        rounds = 30 if contender.restarts_at_once else 3
        row.add(contender, float(box.inside(bench.tools / "bench-respawn", box.stamps, "s5", rounds).split()[2]))

    bench.take_turns(10, lambda c: c.restarts_at_once or c.name == "s6" and not bench.quick, body, rounds=3)
    return [row]


def ask(bench, count, row, question, command_of, daemon_row=None):
    """Spawns a client again and again beside /bin/true, which stands in the limit's column."""
    def body(box, contender):
        box.wait_for_stamps(count)
        box.settle()
        rounds = 20 if contender.name == "supervisor" else 200
        before = box.init_cpu_us()
        command = map(str, command_of(contender, box))
        printed = box.inside(bench.tools / "bench-latency", rounds, "true", "/bin/true", ":::", "client", *command)
        medians = {line.split()[0]: float(line.split()[2]) for line in printed.splitlines()}
        row.add(contender, medians["client"])
        row.figures.setdefault("limit", []).append(medians["true"])
        if daemon_row:
            daemon_row.add(contender, (box.init_cpu_us() - before) / rounds)

    bench.take_turns(count, lambda c: question in c.answers, body, rounds=3)


def status(bench):
    rows = []
    for count in (10,) if bench.quick else (10, 1000):
        row = Row(f"status of one of {count} (limit: /bin/true)", "us", ratio_aim=2.0)
        daemon = Row(f"status of one of {count}: CPU in the daemons", "us")
        ask(bench, count, row, "status", lambda c, box: c.status_command(box, 5), daemon)
        rows += [row, daemon]
    return rows


def listing(bench):
    rows = []
    for count in (10,) if bench.quick else (10, 1000):
        row = Row(f"list of {count} (limit: /bin/true)", "us", aim=1500.0)
        ask(bench, count, row, "list", lambda c, box: c.list_command(box))
        rows.append(row)
    return rows


def memory(bench):
    rows = []
    for count in (1, 100) if bench.quick else (1, 1000, 5000):
        row = Row(f"memory (PSS) with {count}", "KiB", aim=4096 + 1.5 * count)

        def body(box, contender, row=row, count=count):
            box.wait_for_stamps(count)
            box.settle()
            row.add(contender, sum(p.pss_kib() for p in box.init_processes()))

        bench.take_turns(count, lambda c: True, body, rounds=1)
        rows.append(row)
    return rows


def storm(bench):
    orphans = 1000 if bench.quick else 5000
    alone = storm_beside(bench, orphans, 0)
    if bench.quick:
        return alone
    crowd = storm_beside(bench, orphans, 5000)
    # waitpid(-1) walks all children, so the bare loop beside 5,000 is no limit: the aim stays that of the empty house.
    crowd[0].figures["limit, 5000"] = crowd[0].figures.pop("limit")
    crowd[0].figures["limit"] = alone[0].figures["limit"]
    return alone + crowd


def storm_beside(bench, orphans, living):
    row = Row(f"storm of {orphans} orphans beside {living} services", "ms", ratio_aim=1.0)
    cpu = Row(f"storm of {orphans} beside {living}: CPU of the init", "ms")

    def body(box, contender):
        box.wait_for_stamps(max(living, 1))
        box.settle()
        for _ in range(3):
            before = box.init_cpu_us()
            row.add(contender, int(box.inside(bench.tools / "bench-storm", orphans)) / 1e6)
            box.settle()
            cpu.add(contender, (box.init_cpu_us() - before) / 1e3)

    bench.take_turns(max(living, 1), lambda c: c.reaps_orphans and (living == 0 or c.counts_thousands), body, rounds=1)
    return [row, cpu]


def shutdown(bench):
    count = 100 if bench.quick else 1000
    row = Row(f"shutdown of {count}: PID 1 ended", "ms", ratio_aim=1.5)

    def body(box, contender):
        box.wait_for_stamps(count)
        box.settle()
        row.add(contender, box.stop())

    bench.take_turns(count, lambda c: c.orderly_stop, body)
    return [row]


def idle(bench):
    seconds = 5 if bench.quick else 60
    rows = {name: Row(f"wake-ups of {name} in {seconds} s idle, 100 services", "", aim=0.0)
            for name in ("PID 1", "all the others")}

    def body(box, contender):
        box.wait_for_stamps(100)
        box.settle()
        time.sleep(11)  # ten seconds after the last doorbell PID 1 looks once whether the manager hangs, and then no more
        processes = box.init_processes()
        if contender.name.startswith("initd") and len(processes) != 2:
            raise Failed(f"not PID 1 and its manager: {[p.program() for p in processes]}")
        before = {p.pid: p.switches() for p in processes}
        time.sleep(seconds)
        woken = {p.pid: p.switches() - before[p.pid] for p in processes}
        rows["PID 1"].add(contender, woken.pop(box.pid))
        rows["all the others"].add(contender, sum(woken.values()))

    bench.take_turns(100, is_init, body, rounds=1)
    return list(rows.values())


class Answering:
    """Takes every connection on a port of this host and closes it, after an answer to HTTP."""

    def __enter__(self):
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=4096)
        threading.Thread(target=self._serve, daemon=True).start()
        return self.socket.getsockname()[1]

    def _serve(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            with client:
                client.sendall(b"HTTP/1.0 200 OK\r\n\r\n")

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def probes(bench):
    """CPU of PID 1 and the manager for health probes of all services, one a second each."""
    count, seconds = (100, 3) if bench.quick else (1000, 10)
    rows = []

    def measure(what, scenario, of):
        row = Row(f"{what} of {of} services, a second of {of} probes: CPU", "ms")

        def body(box, contender):
            box.wait_for_stamps(of)
            time.sleep(2)  # every service has been asked once
            before = box.init_cpu_us()
            time.sleep(seconds)
            row.add(contender, (box.init_cpu_us() - before) / 1e3 / seconds)

        bench.take_turns(of, lambda c: c.name == "initd", body, scenario=scenario, rounds=min(3, bench.rounds))
        rows.append(row)

    with Answering() as port:
        measure("tcp probes", f'tcp = "127.0.0.1:{port}"', count)
        measure("http probes", f'http = "http://127.0.0.1:{port}/"', count)
    measure("command probes", f'command = ["{bench.tools}/bench-nothing"]', 100)
    return rows


def spawn(bench):
    """libinit's Command beside vfork+exec, which stands as the limit, and what else there is; no box is needed."""
    rows = []
    for mebibytes in (0, 500):
        row = Row(f"spawn, exec, reap from a parent of {mebibytes} MiB", "us", ratio_aim=1.15)
        told = subprocess.run([bench.tools / "bench-spawn", bench.tools / "bench-nothing", str(mebibytes),
                               str(10 * bench.rounds)], check=True, capture_output=True, text=True).stdout  # fmt: skip
        for line in told.splitlines():
            way, *figures = line.split()
            row.figures[way] = [int(figure) / 1e3 for figure in figures]
        rows.append(row)
    return rows


# Columns beside the contenders, where a benchmark has them.
OTHER_WAYS = ["fork+exec", "posix_spawn"]
ALL = {"spawn": spawn, "boot": boot, "chain": chain, "restart": restart, "status": status, "list": listing, "memory": memory,
       "storm": storm, "shutdown": shutdown, "idle": idle, "probes": probes}
HIDDEN = {"smoke": smoke}
