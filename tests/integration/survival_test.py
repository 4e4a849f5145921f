"""What must be there after a crash, whatever the world has come to: answers, words of services, programs that are gone from
the disk, and callers who send too much (F2, F11, F14, F15, F37); and that nothing grows
(F64). INITD_KILLS: of the manager while callers wait (10). INITD_SOAK: rounds of the soak (20)."""

import array
import fcntl
import json
import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import unittest

from machine import Machine, read, wait_until

SERVICE = '[service]\ncommand = ["sleep", "1d"]\n'
CLIENTS = 200
SOAK = int(os.environ.get("INITD_SOAK", "20"))
KILLS = int(os.environ.get("INITD_KILLS", "10"))


def kill_manager(machine, how=signal.SIGKILL):
    os.kill(before := machine.manager(), how)
    wait_until("the next one lives", lambda: machine.manager() not in (0, before))


def call(machine, text, fds=()):
    """One call over a connection of its own; the reply, or None where the connection was closed."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(30)
        client.connect(str(machine.runtime / "control"))
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        try:
            client.sendmsg([text[:4096]], rights)
            client.sendall(text[4096:])
            answer = b""
            while not answer.endswith(b"\0"):
                piece = client.recv(65536)
                if not piece:
                    return None
                answer += piece
        except (BrokenPipeError, ConnectionResetError):
            return None
        return json.loads(answer[:-1])


def status_call(unit):
    return json.dumps({"method": "org.initd.Manager.Status", "parameters": {"unit": unit}}).encode() + b"\0"


class SurvivalTest(unittest.TestCase):
    def test_F11_hostile_words_are_the_same_after_a_crash(self):
        words = bytes(c for c in range(1, 256) if c != 10)
        hostile = "state=active main_pid=1 } %n%s 0 0 0 = \\\" é"
        script = f"import os,signal,socket; s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM); s.connect(os.environ['NOTIFY_SOCKET']); s.send(b'STATUS='+{words!r}+b'\\nREADY=1'); signal.pause()"
        unit = f"[unit]\ndescription = \"{hostile}\"\n[service]\ntype = \"notify\"\ncommand = ['/usr/bin/python3', '-c', '''{script}''']\n[environment]\nEVIL = \"A\\nB=C\"\n"
        with Machine({"a.service": unit}) as machine:
            machine.initctl("start", "a")
            before = machine.status("a")
            self.assertGreater(len(before["status_text"]), 100)
            for crash in (lambda: kill_manager(machine), lambda: machine.initctl("reexec"), lambda: kill_manager(machine, signal.SIGSEGV)):
                crash()
                after = machine.status("a")
                changing = ("active_for_us", "usage", "since_us")
                self.assertEqual({k: v for k, v in after.items() if k not in changing}, {k: v for k, v in before.items() if k not in changing})
            environment = pathlib.Path(f"/proc/{machine.host_pid(machine.main_pid('a'))}/environ").read_bytes()
            self.assertIn(b"EVIL=A\nB=C\0", environment)

    def test_F14_two_hundred_waiting_callers_get_their_one_answer(self):
        with Machine() as machine:
            gate = open(machine.place / "gate", "w")
            fcntl.flock(gate, fcntl.LOCK_EX)
            for i in range(CLIENTS):
                machine.write_unit(f"u{i}.service", "[service]\ntype = \"oneshot\"\nrestart = \"no\"\nstart-timeout = \"10min\"\n"
                                   f"command = ['/bin/sh', '-c', 'echo {i} >> {machine.place}/runs; flock -s {machine.place}/gate true; exit {i % 3}']\n")  # fmt: skip
            machine.initctl("daemon-reload")
            callers = [subprocess.Popen(machine.command("start", f"u{i}"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                       for i in range(CLIENTS)]  # fmt: skip
            wait_until("all run", lambda: len(read(machine.place / "runs").split()) == CLIENTS, 120)
            for _ in range(KILLS):
                kill_manager(machine)
            self.assertEqual([caller.poll() for caller in callers], [None] * CLIENTS)
            fcntl.flock(gate, fcntl.LOCK_UN)
            for i, caller in enumerate(callers):
                out, err = caller.communicate(timeout=120)
                self.assertEqual(caller.returncode, 1 if i % 3 else 0, (i, out, err))
                if i % 3:
                    self.assertIn(f"exit {i % 3}", err)
            self.assertEqual(sorted(map(int, read(machine.place / "runs").split())), list(range(CLIENTS)))
            gate.close()

    def test_F15_without_any_program_on_disk_crashes_are_survived(self):
        with Machine({"a.service": SERVICE, "b.service": SERVICE}, copies=True) as machine:
            machine.initctl("start", "a")
            before = machine.main_pid("a")
            for name in ("initd", "initd-manager"):
                os.unlink(machine.programs / name)
                (machine.programs / name).write_text("no program\n")
            os.kill(machine.pid, signal.SIGSEGV)
            wait_until("PID 1 runs anew", lambda: "executing itself anew" in read(machine.place / "console"))
            kill_manager(machine)
            shutil.rmtree(machine.programs)
            kill_manager(machine, signal.SIGABRT)
            os.kill(machine.pid, signal.SIGBUS)
            machine.initctl("restart", "b")
            machine.initctl("start", "b")
            self.assertEqual(machine.main_pid("a"), before)
            self.assertEqual(machine.status("b")["state"], "active")
            self.assertEqual(machine.poweroff(), 0)

    def test_F2_names_of_any_length_end_in_an_answer_with_little_stack(self):
        with Machine({"a.service": SERVICE}) as machine:
            manager = machine.manager()
            resource.prlimit(manager, resource.RLIMIT_STACK, (256 * 1024, 256 * 1024))
            for size in (1, 128, 4096, 60000):
                reply = call(machine, status_call("x" * size))
                self.assertRegex(reply["error"], "NoSuchUnit|InvalidParameter", size)
            for size in (65536, 1 << 20, 128 << 20):
                reply = call(machine, status_call("x" * size))
                self.assertTrue(reply is None or "error" in reply, size)
            for text in (b"[" * 60000, b'{"a":' * 10000, b'{"method":"' + b"a." * 30000 + b'"}'):
                reply = call(machine, text + b"\0")
                self.assertTrue(reply is None or "error" in reply)
            self.assertEqual(call(machine, status_call("a.service"))["parameters"]["id"], "a.service")
            self.assertEqual(machine.manager(), manager)

    def test_F37_descriptors_that_nobody_asked_for_are_closed(self):
        with Machine({"a.service": SERVICE}) as machine:
            def held():
                return len(os.listdir(f"/proc/{machine.manager()}/fd")), len(os.listdir(f"/proc/{machine.pid}/fd"))

            call(machine, status_call("a.service"))
            before = wait_until("connections are gone", held)
            for _ in range(20):
                call(machine, status_call("a.service"), [0] * 253)
            wait_until("as many as before", lambda: held() <= before)
            self.assertEqual(call(machine, status_call("a.service"))["parameters"]["id"], "a.service")

    def test_F64_neither_memory_nor_descriptors_grow(self):
        with Machine({"a.service": SERVICE, "b.service": SERVICE}) as machine, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.connect(str(machine.runtime / "control"))
            reader = client.makefile("rb")

            def work(rounds):
                for _ in range(rounds):
                    for text in (status_call("a.service"), b'{"method":"org.initd.Manager.System"}\0', b'{"method":"org.initd.Manager.List"}\0') * 20:
                        client.sendall(text)
                        while reader.read(1) != b"\0":
                            reader.peek()
                    machine.initctl("restart", "b")
                    machine.initctl("daemon-reload")

            def held():
                parts = (machine.pid, machine.manager(), machine.logger())
                anonymous = [int(line.split()[1]) for pid in parts for line in read(f"/proc/{pid}/status").splitlines() if line.startswith("RssAnon")]
                return sum(anonymous), [len(os.listdir(f"/proc/{pid}/fd")) for pid in parts]

            work(SOAK)
            before, descriptors = held()
            work(4 * SOAK)
            after, _ = held()
            print(f"{5 * SOAK} rounds: {before} KiB, then {after} KiB", flush=True)
            self.assertLess(after - before, 256)
            wait_until("as many descriptors as before", lambda: held()[1] <= descriptors)


if __name__ == "__main__":
    unittest.main()
