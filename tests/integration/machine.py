"""initd under test: started as PID 1 of fresh namespaces (tools/namespace), or as a plain process, with a directory of
units; asked over its control socket; looked at from the outside.

    with Machine({"a.service": '[service]\\ncommand = ["/bin/sleep", "infinity"]\\n'}) as machine:
        machine.initctl("start", "a")
        machine.status("a")["main_pid"]

INITD_PROGRAMS names the directory of initd, initd-manager and initctl.
"""

import contextlib
import fnmatch
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = pathlib.Path(os.environ.get("INITD_PROGRAMS", ROOT / "build/release/bin"))
EXAMPLES = ROOT / "units/examples"
NOBODY = 65534
DEADLINE = 100  # seconds; what is waited for in a test comes long before

if os.geteuid() != 0:
    print("skipped: needs root")
    sys.exit(77)


def wait_until(what, condition, seconds=DEADLINE):
    """Waits for something that no event tells of; returns the first true value of condition()."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(0.01)
    return value


def read(path, otherwise=""):
    """The text of a file that may be gone, as those of /proc may."""
    try:
        return pathlib.Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return otherwise


def parent_of(pid):
    return int(read(f"/proc/{pid}/stat", "0 (x) X 0").rpartition(")")[2].split()[1])


def name_of(pid):
    return read(f"/proc/{pid}/comm").strip()


def all_pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def alive(pid):
    return read(f"/proc/{pid}/stat", "0 (x) X").rpartition(")")[2].split()[0] not in "XZ"


def control_groups(pattern="initd-*"):
    """Those of machines, by their names. Others may go while one looks, which os.walk() takes as it comes."""
    walk = os.walk("/sys/fs/cgroup")
    return sorted(pathlib.Path(place, found) for place, names, _ in walk for found in fnmatch.filter(names, pattern))


def try_rmdir(path):
    """Whether it is gone. A control group can be removed a moment after the last process in it has been killed."""
    try:
        path.rmdir()
    except OSError:
        return not path.is_dir()
    return True


class Machine:
    """See the top of the file. units: {id: text}, and every *.toml of `directories`. as_user: a uid that is not root's makes
    it a machine in a user namespace. namespaces=False: a plain process, not PID 1. logger: as manager; False: without one.
    copies=True: it runs copies of the programs, in .programs, which a test may replace. manager: the program that is copied
    as initd-manager. arguments: more of initd."""

    def __init__(self, units=None, *, directories=(), namespaces=True, as_user=None, options=(), target=None, logger="initd-logger", copies=False,
                 manager="initd-manager", arguments=()):  # fmt: skip
        self.units = dict(units or {})
        self.directories = directories
        self.namespaces = namespaces
        self.as_user = as_user
        self.options = list(options)  # of tools/namespace
        self.target = target
        self.arguments = list(arguments)
        self.sources = {"initd": "initd", "initd-manager": manager, "initd-logger": logger}
        self.copies = copies or any(name != source for name, source in self.sources.items())
        self.process = None
        self.pid = 0  # of initd, as the host counts

    # ---- Life

    def __enter__(self):
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="initd-"))
        self.place.chmod(0o755)
        self.unit_directory = self.place / "units"
        self.runtime = self.place / "run"
        self.logs = self.place / "log"
        for directory in (self.unit_directory, self.runtime, self.logs, self.place / "state"):
            directory.mkdir()
        for directory in self.directories:
            for file in sorted(pathlib.Path(directory).glob("*.toml")):
                shutil.copyfile(file, self.unit_directory / file.name)
        self.units.setdefault("default.target", "[unit]\n")
        for unit, text in self.units.items():
            self.write_unit(unit, text)
        if self.as_user is not None:
            for path in (self.place, *self.place.rglob("*")):
                os.chown(path, self.as_user, self.as_user)
        try:
            self._start()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def _start(self):
        self.programs = PROGRAMS
        if self.copies:
            self.programs = self.place / "programs"
            self.programs.mkdir()
            for name, source in self.sources.items():
                if source:
                    shutil.copy(PROGRAMS / source, self.programs / name)
        command = [self.programs / "initd", "--units", self.unit_directory, "--runtime", self.runtime, "--state",
                   self.place / "state", "--log-dir", self.logs, *self.arguments]  # fmt: skip
        if self.target:
            command += ["--target", self.target]
        pid_file = self.place / "pid"
        if self.namespaces:
            command = [ROOT / "tools/namespace", "--pid-file", pid_file, *self.options, "--", *command]
        self.console = self._open_console()
        # The machine ends with the test, also when that is killed.
        self.process = subprocess.Popen([*self._identity(), "setpriv", "--pdeathsig", "TERM", *map(str, command)], stdin=subprocess.DEVNULL,
                                        stdout=self.console, stderr=subprocess.STDOUT, cwd="/",
                                        start_new_session=True)  # fmt: skip
        if self.namespaces:
            self.pid = int(wait_until("the namespaces are there", lambda: self._running() and read(pid_file).strip()))
        else:
            self.pid = self.process.pid
        wait_until("the control socket answers", lambda: self._running() and self._accepts())

    def _open_console(self):
        return open(self.place / "console", "ab")

    def _running(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"initd ended with {self.process.returncode}")
        return True

    def _accepts(self):
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(self.runtime / "control")) == 0

    def _identity(self):
        if self.as_user is None:
            return []
        return ["setpriv", f"--reuid={self.as_user}", f"--regid={self.as_user}", "--clear-groups"]

    def wait(self, seconds=DEADLINE):
        """Waits for the end of initd; its exit code."""
        return self.process.wait(seconds)

    def poweroff(self, seconds=DEADLINE):
        """The orderly end."""
        self.initctl("poweroff", check=False)
        return self.wait(seconds)

    def __exit__(self, kind, *_):
        if self.process is not None:
            if self.process.poll() is None:
                for pid in [self.pid, *self.processes()]:
                    self._kill(pid)
                self.process.wait()
                self._remove_cgroups()
            if kind is not None:
                self._tell()
            self.console.close()
        shutil.rmtree(self.place)

    @staticmethod
    def _kill(pid):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def _remove_cgroups(self):
        """What an initd that is no PID 1 makes for itself and was killed too early to take away."""
        for top in control_groups(f"initd-{self.pid}"):
            for path in [*sorted(top.rglob("*/"), reverse=True), top]:
                wait_until(f"{path} is gone", lambda path=path: try_rmdir(path))

    def _tell(self):
        """What a failed test needs: the end of what initd and its services wrote."""
        for file in (self.place / "console", *sorted(self.logs.rglob("*"))):
            if file.is_file() and (text := read(file)):
                print(f"---- {file.name}\n{text[-2000:]}", file=sys.stderr)

    # ---- Units

    def write_unit(self, unit, text):
        (self.unit_directory / f"{unit}.toml").write_text(text, encoding="utf-8")

    def log(self, unit):
        """What a unit has written, as its current log file has it: the text behind each line's header, without marks."""
        return self._text_of([self.logs / unit / "current"])

    def whole_log(self, unit):
        """The same, and before it what past files have that were not compressed."""
        files = [*sorted((self.logs / unit).glob("*.log")), self.logs / unit / "current"]
        return self._text_of(files)

    @staticmethod
    def _text_of(files):
        return "".join(line[31:] for file in files for line in read(file).splitlines(True) if line[28:29] != "=")

    # ---- Asking

    def command(self, *arguments):
        return [*self._identity(), str(PROGRAMS / "initctl"), "--runtime", str(self.runtime), *arguments]

    def initctl(self, *arguments, check=True, seconds=DEADLINE):
        """Runs initctl from outside; the completed process. check: it must succeed."""
        done = subprocess.run(self.command(*arguments), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="replace", timeout=seconds)  # fmt: skip
        if check and done.returncode != 0:
            raise AssertionError(f"initctl {' '.join(arguments)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def json(self, *arguments):
        done = self.initctl(*arguments, "--json", check=False)
        try:
            return json.loads(done.stdout)
        except json.JSONDecodeError as error:
            raise AssertionError(f"initctl {' '.join(arguments)} --json: exit {done.returncode}\n{done.stdout}"
                                 f"{done.stderr}") from error  # fmt: skip

    def status(self, unit):
        return self.json("status", unit)

    def main_pid(self, unit):
        """As initd counts; 0 when it does not run."""
        return self.status(unit).get("main_pid", 0)

    def wait_until_loaded(self, pid, name):
        """Until a process, as the host counts, runs that program and sleeps in it: a service is active as soon as it is
        executed, and its libraries come after that."""
        stat = lambda: read(f"/proc/{pid}/stat")  # noqa: E731
        wait_until(f"{name} sleeps", lambda: f"({name}) S " in stat())

    def wait_for_state(self, unit, state, seconds=DEADLINE):
        return wait_until(f"{unit} is {state}", lambda: self.status(unit)["state"] == state, seconds)

    # ---- Looking from outside

    def inside(self, *command, check=True, seconds=DEADLINE):
        """Runs a command in the namespaces, as their root."""
        enter = [ROOT / "tools/namespace", "--enter", str(self.pid), "--"] if self.namespaces else []
        return subprocess.run([*self._identity(), *enter, *command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=check, timeout=seconds)  # fmt: skip

    @contextlib.contextmanager
    def frozen(self, place):
        """FUSE, and nobody on the other side: whoever asks anything of it waits until he is killed."""
        device = os.open("/dev/fuse", os.O_RDWR)
        options = f"fd={device},rootmode=40000,user_id=0,group_id=0"
        mount = ["mount", "-i", "-n", "-t", "fuse", "-o", options, "frozen", place]
        subprocess.run(["nsenter", f"--target={self.pid}", "--mount", *mount], check=True, pass_fds=[device])
        try:
            yield
        finally:
            os.close(device)
            self.inside("umount", "--lazy", str(place))

    def processes(self):
        """Host pids of everything that lives under initd, beside initd itself."""
        if self.namespaces:
            space = self._space(self.pid)
            return [pid for pid in all_pids() if space and pid != self.pid and self._space(pid) == space]
        parents = {pid: parent_of(pid) for pid in all_pids()}
        found = {self.pid}
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        return sorted(found - {self.pid})

    @staticmethod
    def _space(pid):
        try:
            return os.readlink(f"/proc/{pid}/ns/pid")
        except OSError:
            return ""

    def services(self):
        """Host pids of the services and what they started: all but initd, its manager and its logger."""
        return [pid for pid in self.processes() if name_of(pid) not in ("initd-manager", "initd-logger") and alive(pid)]

    def manager(self):
        """Host pid of the manager, 0 while there is none."""
        return self._child("initd-manager")

    def logger(self):
        """Host pid of the logger, 0 while there is none."""
        return self._child("initd-logger")

    def _child(self, name):
        """The kernel's list of children may leave some out while others end: who is not in it is looked for once more."""
        listed = map(int, read(f"/proc/{self.pid}/task/{self.pid}/children").split())
        return self._first(name, listed) or self._first(name, (pid for pid in all_pids() if parent_of(pid) == self.pid))

    @staticmethod
    def _first(name, pids):
        return next((pid for pid in pids if name_of(pid) == name and alive(pid)), 0)

    def host_pid(self, inner):
        """The host's number of a process that initd knows by `inner`."""
        if not self.namespaces:
            return inner
        for pid in self.processes():
            numbers = [line.split()[1:] for line in read(f"/proc/{pid}/status").splitlines() if line.startswith("NSpid")]
            if numbers and int(numbers[0][-1]) == inner:
                return pid
        return 0
