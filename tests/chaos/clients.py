"""Those who talk to initd while it is struck: callers whose every answer counts, pollers that take the time, and clients that never
read."""

import json
import random
import socket
import struct
import threading
import time

from beside import Beside

PATIENCE = 60  # seconds; so long does nobody wait for an answer but in a failure


class Connection:
    """Varlink on the control socket. It breaks whenever the manager ends: then receive() returns None."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):  # of connect(2) too, which waits where many do
            self.socket.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", PATIENCE, 0))
        self.socket.connect(str(path))  # refused: an error, for the socket outlives the manager
        self.unread = b""

    def send(self, method, parameters, request_id=None):
        call = {"method": f"org.initd.Manager.{method}", "parameters": parameters}
        if request_id is not None:
            call["parameters"] = parameters | {"request_id": request_id}
        try:
            self.socket.sendall(json.dumps(call).encode() + b"\0")
        except (BrokenPipeError, ConnectionResetError):
            pass  # receive() tells

    def receive(self):
        while b"\0" not in self.unread:
            try:
                more = self.socket.recv(1 << 16)
            except ConnectionResetError:
                return None
            if not more:
                return None
            self.unread += more
        answer, _, self.unread = self.unread.partition(b"\0")
        return json.loads(answer)

    def close(self):
        self.socket.close()


def ask(path, method, parameters=None, request_id=None):
    """One call, made again on a new connection as often as the manager ends under it; (the answer, how often it was made)."""
    times = 0
    while True:
        times += 1
        connection = Connection(path)
        connection.send(method, parameters or {}, request_id)
        answer = connection.receive()
        connection.close()
        if answer is not None:
            return answer, times


class Pollers(Beside):
    """`count` callers, each asking ten times a second on a connection of its own, and a third as many that ask and never read."""

    def __init__(self, path, count, seed):
        super().__init__(pace=0.1 / count)
        self.path, self.count, self.seed = path, count, seed

    def begin(self):
        self.chance = random.Random(self.seed)
        self.connections = [None] * self.count
        self.silent = [None] * (self.count // 3)
        self.next = 0
        self.latencies, self.refused = [], []

    def look(self):
        self.next = (self.next + 1) % self.count
        started = time.monotonic()
        try:
            while self._poll() is None:
                self._hang_up()
            self._bother()
        except (OSError, ValueError) as error:
            self.refused.append(repr(error))
            self._hang_up()
        self.latencies.append(time.monotonic() - started)

    def _poll(self):
        if self.connections[self.next] is None:
            self.connections[self.next] = Connection(self.path)
        connection = self.connections[self.next]
        connection.send(*self.chance.choice([("System", {}), ("List", {}), ("Status", {"unit": "idle000.service"})]))
        return connection.receive()

    def _hang_up(self):
        if self.connections[self.next] is not None:
            self.connections[self.next].close()
        self.connections[self.next] = None

    def _bother(self):
        """One of the silent asks for more that it will not read; initd closes it when too much waits."""
        at = self.chance.randrange(len(self.silent))
        if self.silent[at] is None:
            self.silent[at] = Connection(self.path).socket
            self.silent[at].setblocking(False)
        try:
            self.silent[at].send(b'{"method":"org.initd.Manager.List","parameters":{}}\0')
        except (BlockingIOError, BrokenPipeError, ConnectionResetError):
            self.silent[at].close()
            self.silent[at] = None

    def found(self):
        ordered = sorted(self.latencies)
        return {"count": len(ordered), "p99": ordered[len(ordered) * 99 // 100], "max": ordered[-1], "refused": self.refused}


class Toggler(threading.Thread):
    """Starts, stops and restarts its units by turns, and keeps the books of it. by_hand: through initctl, each time."""

    def __init__(self, machine, units, seed, by_hand=False):
        super().__init__()
        self.machine, self.units, self.by_hand = machine, units, by_hand
        self.chance = random.Random(seed)
        self.name = f"toggler{seed}"
        self.stop = threading.Event()
        self.turn = threading.Lock()  # who holds it has it wait
        self.up = dict.fromkeys(units, True)  # by the last answer
        self.starts = dict.fromkeys(units, 0)  # that were answered well
        self.answers, self.resent = 0, 0
        self.wrong = []  # answers that are none, are bad, or are two

    def run(self):
        while not self.stop.wait(self.chance.uniform(0, 0.1)):
            with self.turn:
                if not self._ask_for_something():
                    return

    def _ask_for_something(self):
        unit = self.chance.choice(self.units)
        verb = self.chance.choice(["Stop", "Restart"] if self.up[unit] else ["Start"])
        try:
            (self._by_hand if self.by_hand else self._by_call)(verb, unit)
        except Exception as error:
            self.wrong.append(f"{verb} of {unit}: {error!r}")
            return False
        self.up[unit] = verb != "Stop"
        self.starts[unit] += verb != "Stop"
        self.answers += 1
        return True

    def finish(self):
        self.stop.set()
        self.join()

    def _by_hand(self, verb, unit):
        done = self.machine.initctl(verb.lower(), unit, "--json", check=False, seconds=PATIENCE)
        if done.returncode != 0 or json.loads(done.stdout)["outcome"] != "done":
            self.wrong.append(f"{verb} of {unit}: exit {done.returncode} {done.stdout}{done.stderr}")

    def _by_call(self, verb, unit):
        path, request_id = self.machine.runtime / "control", f"{self.name}-{self.answers}"
        if self.chance.random() < 0.2:  # one that has hung up before the answer came
            hasty = Connection(path)
            hasty.send(verb, {"unit": unit}, request_id)
            hasty.close()
        answer, times = ask(path, verb, {"unit": unit}, request_id)
        self.resent += times - 1
        if answer.get("error") or answer["parameters"]["outcome"] != "done":
            self.wrong.append(f"{verb} of {unit}: {answer}")
        elif self.chance.random() < 0.2:
            again, _ = ask(path, verb, {"unit": unit}, request_id)
            if again != answer:
                self.wrong.append(f"{verb} of {unit}, asked twice: {answer}, then {again}")
