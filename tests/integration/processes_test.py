"""What happens to processes, and what must not: failure classes of supervisors, each under its number."""

import os
import pathlib
import resource
import signal
import subprocess
import time
import unittest
from unittest import mock

from machine import DEADLINE, NOBODY, PROGRAMS, Machine, name_of, read, wait_until

WITNESS = PROGRAMS / "witness"
SLEEP = '[service]\ncommand = ["/bin/sleep", "1000"]\n'

# Becomes the process PID of its namespace, as soon as that number is free, and tells of each signal that it gets.
CANARY = """
import os, sys
pid, log = int(sys.argv[1]), sys.argv[2]
while os.path.exists(f"/proc/{pid}"):
    pass
while True:
    with open("/proc/sys/kernel/ns_last_pid", "w") as last:
        last.write(str(pid - 1))
    child = os.fork()
    if child == 0:
        if os.getpid() != pid:
            os._exit(1)
        os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), 1)
        os.execv(sys.argv[3], [sys.argv[3], "signals"])
    if child == pid:
        break
    os.waitpid(child, 0)
os.waitpid(pid, 0)
"""


def shell(script, more=""):
    return f'[service]\ncommand = ["/bin/sh", "-c", "{script}"]\n{more}'


def child_ticks(pid):
    """Of the children that it has reaped."""
    return sum(map(int, read(f"/proc/{pid}/stat").rpartition(")")[2].split()[13:15]))


def cpu_ticks(*pids):
    return sum(int(field) for pid in pids for field in read(f"/proc/{pid}/stat").rpartition(")")[2].split()[11:13])


class NumbersTest(unittest.TestCase):
    """F17: a number that is used again is another process."""

    def test_f17_a_stop_never_signals_who_has_the_number_now(self):
        with Machine({"a.service": SLEEP}) as machine:
            script = machine.place / "canary.py"
            script.write_text(CANARY, encoding="utf-8")
            for round_ in range(10):
                with self.subTest(round=round_):
                    self.reuse(machine, script)

    def reuse(self, machine, script):
        """The main process ends and its number goes to another, while the manager, which has a stop to do, stands still."""
        machine.initctl("start", "a")
        inner = machine.main_pid("a")
        outer, log, manager = machine.host_pid(inner), machine.place / "canary.log", machine.manager()
        log.unlink(missing_ok=True)
        os.kill(manager, signal.SIGSTOP)
        with subprocess.Popen(machine.command("stop", "a"), stdout=subprocess.DEVNULL) as stop:
            enter = [str(pathlib.Path(__file__).resolve().parents[2] / "tools/namespace"), "--enter", str(machine.pid), "--"]
            with subprocess.Popen([*enter, "python3", str(script), str(inner), str(log), str(WITNESS)]) as keeper:
                os.kill(outer, signal.SIGKILL)
                wait_until("the canary has the number", lambda: read(log) == "ready\n")
                canary = machine.host_pid(inner)
                os.kill(manager, signal.SIGCONT)
                self.assertEqual(stop.wait(DEADLINE), 0)
                self.assertEqual((machine.status("a")["state"], read(log)), ("inactive", "ready\n"))
                self.assertEqual(name_of(canary), "witness")
                os.kill(canary, signal.SIGKILL)
                keeper.wait(DEADLINE)


class ReapingTest(unittest.TestCase):
    def test_f18_ends_that_come_in_one_moment_are_all_told(self):
        with Machine() as machine:
            gate = machine.place / "gate"
            os.mkfifo(gate)
            codes = {f"s{code:03}.service": code for code in range(1, 251)}
            for unit, code in codes.items():
                machine.write_unit(unit, shell(f"read x <{gate}; exit {code}", 'restart = "no"\n'))
            machine.initctl("daemon-reload")
            machine.initctl("start", *codes)
            os.kill(machine.pid, signal.SIGSTOP)
            wait_until("all have ended", lambda: self.release(gate) and not machine.services())
            os.kill(machine.pid, signal.SIGCONT)
            machine.wait_for_state("s250.service", "failed")
            for unit, code in codes.items():
                machine.wait_for_state(unit, "failed")
                self.assertEqual(machine.status(unit)["exit"]["code"], code, unit)

    @staticmethod
    def release(gate):
        """The end of the file, for all who have opened it by now."""
        try:
            os.close(os.open(gate, os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            pass  # nobody has
        return True

    def test_f19_a_process_that_cannot_end_holds_up_no_other(self):
        units = {"stuck.service": f'[service]\ncommand = ["{WITNESS}", "stuck"]\n',
                 "orphans.service": f'[service]\ntype = "oneshot"\ncommand = [{", ".join([f"""["{WITNESS}", "orphans", "1000"]"""] * 10)}]\n'}  # fmt: skip
        with Machine(units) as machine:
            machine.initctl("start", "stuck")
            stuck = machine.host_pid(machine.main_pid("stuck"))
            wait_until("it sleeps where nothing wakes it", lambda: read(f"/proc/{stuck}/stat").rpartition(")")[2].split()[0] == "D")
            machine.initctl("start", "orphans")
            zombies = [pid for pid in machine.processes() if read(f"/proc/{pid}/stat", "0 (x) X").rpartition(")")[2].split()[0] == "Z"]
            self.assertEqual(zombies, [])
            self.assertEqual(machine.status("stuck")["state"], "active")

    def test_f29_helpers_outlive_the_main_process_only_where_they_may(self):
        helper = "sleep 1000 & exit 0"
        for mode, left in (("group", 0), ("mixed", 0), ("main", 1), ("none", 1)):
            with self.subTest(mode), Machine({"a.service": shell(helper, f'restart = "no"\nkill-mode = "{mode}"\n')}) as machine:
                machine.initctl("start", "a", check=False)
                machine.wait_for_state("a", "inactive")
                wait_until("the helper is where it belongs", lambda left=left, m=machine: len(m.services()) == left)

    def test_f29_a_main_process_that_ends_at_once_is_never_waited_for(self):
        with Machine({"a.service": f'[service]\ncommand = ["{WITNESS}", "exit", "0"]\nrestart = "no"\n',
                      "b.service": f'[service]\ncommand = ["{WITNESS}", "die", "9"]\nrestart = "no"\n'}) as machine:  # fmt: skip
            for _ in range(20):
                machine.initctl("start", "a", "b", "--no-block")
                machine.wait_for_state("a", "inactive")
                machine.wait_for_state("b", "failed")
            self.assertEqual(machine.services(), [])


class OnlyOnceTest(unittest.TestCase):
    def test_f21_no_two_of_a_service_at_any_time(self):
        """Each holds a lock for its life, while the manager is killed over and over."""
        with Machine() as machine:
            units = [f"s{i:02}.service" for i in range(10)]
            for unit in units:
                lock = f"exec 9>{machine.place}/{unit}.lock; flock -n 9 || echo {unit} >>{machine.place}/twice"
                machine.write_unit(unit, shell(f"{lock}; sleep 0.0$(($$$$ % 10)); exit 1", 'restart-delay = "1ms"\nrestart-delay-max = "5ms"\n'))
            machine.initctl("daemon-reload")
            machine.initctl("start", *units, check=False)
            for _ in range(50):
                manager = wait_until("there is a manager", machine.manager)
                os.kill(manager, signal.SIGKILL)
                wait_until("there is another", lambda before=manager: machine.manager() not in (0, before))
            for unit in units:
                wait_until(f"{unit} was started again and again", lambda u=unit: machine.status(u).get("restarts", 0) > 20)
            self.assertEqual(read(machine.place / "twice"), "")


class RestartTest(unittest.TestCase):
    def test_f25_a_stop_outlasts_a_restart_that_is_due(self):
        clock = shell("exit 1", 'restart-delay = "5ms"\nrestart-delay-max = "5ms"\n')
        with Machine({"a.service": clock, "clock.service": clock, "late.service": shell("exit 1", 'restart-delay = "1h"\nrestart-delay-max = "1h"\n')}) as machine:
            machine.initctl("start", "late", "--no-block")
            machine.wait_for_state("late", "failed")
            machine.initctl("stop", "late")
            self.assertEqual(machine.status("late")["state"], "inactive")
            machine.initctl("start", "clock", "--no-block")
            for _ in range(20):
                machine.initctl("start", "a", "--no-block")
                wait_until("it is restarted", lambda: machine.status("a").get("restarts", 0) > 0)
                machine.initctl("stop", "a")
                now = machine.status("clock")["restarts"]
                wait_until("its time would have come", lambda n=now: machine.status("clock")["restarts"] > n + 2)
                self.assertEqual(machine.status("a")["state"], "inactive")

    def test_f26_fifty_services_that_crash_at_once_cost_next_to_nothing(self):
        units = [f"s{i:02}.service" for i in range(50)]
        with Machine() as machine:
            for unit in units:
                machine.write_unit(unit, shell(f"read up idle </proc/uptime; echo $$up >>{machine.place}/{unit}.starts; exit 1"))
            machine.initctl("daemon-reload")
            machine.initctl("start", *units, "--no-block")
            times = lambda unit: [float(line) for line in read(machine.place / f"{unit}.starts").splitlines()]  # noqa: E731
            starts = lambda: min(len(times(unit)) for unit in units)  # noqa: E731
            said = lambda: read(machine.place / "console").count(units[0])  # noqa: E731
            wait_until("the back-off has begun", lambda: starts() >= 4)
            spent = lambda: (cpu_ticks(machine.pid, machine.manager()), child_ticks(machine.pid))  # noqa: E731
            lines, began, (own, theirs) = said(), time.monotonic(), spent()
            wait_until("and goes on", lambda: starts() >= 7)
            seconds = time.monotonic() - began
            own, theirs = (after - before for before, after in zip((own, theirs), spent()))
            lines = said() - lines
            print(f"{seconds:.1f} s, {own / os.sysconf('SC_CLK_TCK') / seconds:.2%} of a processor, {own} ticks of initd and {theirs} of "
                  f"the services, {lines} lines of a unit", flush=True)  # fmt: skip
            for unit in units:
                self.assertGreater(times(unit)[6] - times(unit)[3], 5)  # 0.8 s, 1.6 s and 3.2 s
            # 1.3 to 1.8 % of a processor where nothing else runs, of the 2 % that are the aim. Machines differ; what a shell
            # costs that only ends differs with them.
            self.assertLess(own, 3 * theirs)
            self.assertLessEqual(lines, 6)


class InheritanceTest(unittest.TestCase):
    """F27, F65: what a service starts with is made for it, and not what initd or a client happens to have."""

    FILES = 512
    DIRT = {"IFS": "x", "GLIBC_TUNABLES": "glibc.malloc.check=3", "LD_DEBUG_OUTPUT": "/tmp/x", "FOO": "bar", "ENV": "/tmp/x"}
    GOLDEN = {"SigBlk": "0000000000000000", "SigIgn": "0000000000000000", "SigCgt": "0000000000000000", "Umask": "0022",
              "Groups": "", "NoNewPrivs": "1", "CapEff": "0000000000000000", "CapPrm": "0000000000000000", "CapInh": "0000000000000000",
              "CapAmb": "0000000000000000", "CapBnd": "0000000000000000", "TracerPid": "0"}  # fmt: skip

    def dirty_machine(self):
        def spoil():
            signal.signal(signal.SIGPIPE, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGCHLD})
            resource.setrlimit(resource.RLIMIT_NOFILE, (self.FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))

        popen = subprocess.Popen
        with mock.patch.dict(os.environ, self.DIRT), mock.patch("subprocess.Popen", lambda *a, **k: popen(*a, preexec_fn=spoil, restore_signals=False, **k)):
            return Machine({"a.service": SLEEP + f'user = "{NOBODY}"\n'}).__enter__()

    def test_f27_f65_a_service_inherits_nothing(self):
        machine = self.dirty_machine()
        self.addCleanup(machine.__exit__, None, None, None)
        with mock.patch.dict(os.environ, self.DIRT):
            machine.initctl("start", "a")
        pid = machine.host_pid(machine.main_pid("a"))
        machine.wait_until_loaded(pid, "sleep")
        status = dict(line.partition(":")[::2] for line in read(f"/proc/{pid}/status").splitlines())
        self.assertEqual({key: status[key].strip() for key in self.GOLDEN}, self.GOLDEN)
        names = {variable.partition("=")[0] for variable in read(f"/proc/{pid}/environ").split("\0") if variable}
        self.assertEqual(names, {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "INVOCATION_ID", "RESTART_COUNT"})
        self.assertEqual(sorted(os.listdir(f"/proc/{pid}/fd")), ["0", "1", "2"])
        self.assertEqual((os.readlink(f"/proc/{pid}/cwd"), os.readlink(f"/proc/{pid}/fd/0")), ("/", "/dev/null"))
        self.assertEqual(read(f"/proc/{pid}/oom_score_adj").strip(), "0")
        # Those that initd was given; what it has raised for itself stays with it.
        limits = lambda pid: {line[:25].strip(): line[26:].split() for line in read(f"/proc/{pid}/limits").splitlines()}  # noqa: E731
        given = limits("self")
        given["Max open files"][0] = str(self.FILES)
        self.assertEqual(limits(pid), given)
        self.assertNotEqual(limits(machine.pid), given)
        fields = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
        self.assertEqual((fields[2], fields[3], fields[4]), (fields[3], fields[2], "0"))  # a session of its own, no terminal


class IdentityTest(unittest.TestCase):
    def test_f9_no_doubt_about_who_runs_ever_runs_anything(self):
        users = ["0day", "0x0", "4294967295", "", "no-such-user", "99999999999999999999"]
        with Machine() as machine:
            mark = machine.place / "ran"
            for number, name in enumerate(users):
                for key in ("user", "group"):
                    machine.write_unit(f"{key}{number}.service", shell(f"touch {mark}", f'restart = "no"\n{key} = "{name}"\n'))
            machine.initctl("daemon-reload", check=False)
            for number, name in enumerate(users):
                for key in ("user", "group"):
                    done = machine.initctl("start", f"{key}{number}", check=False)
                    self.assertNotEqual(done.returncode, 0, name)
                    self.assertIn(key, machine.initctl("verify", str(machine.unit_directory), check=False).stdout + done.stderr + done.stdout)
            self.assertFalse(mark.exists())

    def test_f9_a_user_that_cannot_be_taken_runs_nothing(self):
        with Machine({"a.service": shell("exec sleep 1000", 'user = "daemon"\nrestart = "no"\n')}, as_user=NOBODY) as machine:
            self.assertNotEqual(machine.initctl("start", "a", check=False).returncode, 0)
            self.assertEqual((machine.status("a")["state"], machine.services()), ("failed", []))


class LengthTest(unittest.TestCase):
    def test_f46_names_and_paths_up_to_the_kernels_limits(self):
        for length, fits in ((254, True), (255, True), (256, False)):
            with self.subTest(component=length), Machine({"a.service": SLEEP + f'[directories]\nruntime = ["{"x" * length}"]\n'}) as machine:
                done = machine.initctl("start", "a", check=False)
                self.assertEqual(done.returncode == 0, fits, done.stderr)
                if not fits:
                    self.assertIn("x" * 256, done.stderr + machine.initctl("verify", str(machine.unit_directory), check=False).stdout)
        for length in (4094, 4095, 4096, 4097):
            path = "/" + "d/" * 2048
            path = path[:length] if not path[:length].endswith("/") else path[: length - 1] + "d"
            with self.subTest(path=length), Machine({"a.service": SLEEP + f'restart = "no"\nworking-directory = "{path}"\n'}) as machine:
                self.assertNotEqual(machine.initctl("start", "a", check=False).returncode, 0)  # there is none, and none is cut
                self.assertEqual(machine.services(), [])


if __name__ == "__main__":
    unittest.main()
