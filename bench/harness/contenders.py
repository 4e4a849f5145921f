"""The contenders: how each is told to run N services, and how its client asks about one."""
import os
import pathlib
import shutil
import signal


def service_name(index):
    return f"s{index}"


class Contender:
    """What the benchmarks need to know of each."""
    name = ""
    stop_signal = int(signal.SIGTERM)
    most_services = 1_000_000
    answers = ()  # which of "status" and "list" its client can ask
    chains = False  # runs oneshots after one another
    restarts_at_once = True
    orderly_stop = True  # ends when the services have ended
    reaps_orphans = True  # is made to be PID 1
    counts_thousands = True  # beside 5,000 services it is worth the wait

    def available(self):
        return True

    def prepare(self, box):
        """Writes the service files of box.count services and gives back the command of PID 1."""
        raise NotImplementedError


class Limit(Contender):
    name = "limit"
    program = "bench-limit"
    chains = True

    def prepare(self, box):
        program = box.tools / ("bench-stamp-exit" if box.scenario == "chain" else "bench-stamp")
        return [box.tools / self.program, box.scenario, box.stamps, str(box.count), program]


class Floor(Limit):
    """The limit with all that the promises of initd cost in the kernel (bench/limit/floor.cpp)."""
    name = "floor"
    program = "bench-floor"
    reaps_orphans = False
    counts_thousands = False


PROBES = ("tcp", "http", "unix", "command")  # scenarios whose name is the key of [health] that all services have


class Initd(Contender):
    name = "initd"
    answers = ("status", "list")
    chains = True
    output = 'stdout = "inherit"\nstderr = "inherit"\n'  # as the limit and the peers do

    def __init__(self, tools):
        self.tools = tools

    def available(self):
        return all((self.tools / program).exists() for program in ("initd", "initd-manager", "initctl"))

    def prepare(self, box):
        units = box.work / "units"
        units.mkdir()
        for i in range(box.count):
            (units / f"{service_name(i)}.service.toml").write_text(self.unit(box, i))
        wanted = [box.count - 1] if box.scenario == "chain" else range(box.count)
        names = ", ".join(f'"{service_name(i)}.service"' for i in wanted if i >= 0)
        (units / "default.target.toml").write_text(f"[unit]\nwants = [{names}]\n")
        return [self.tools / "initd", "--units", units, "--runtime", box.work / "run", "--state", box.work / "state",
                "--log-dir", box.work / "log"]

    def unit(self, box, index):
        if box.scenario == "chain":
            before = f'[unit]\nrequires = ["{service_name(index - 1)}.service"]\n' if index else ""
            kind, program = 'type = "oneshot"\nremain-after-exit = true\n', "bench-stamp-exit"
        else:
            before, kind, program = "", 'restart = "always"\nrestart-delay = "0s"\n', "bench-stamp"
        command = f'command = ["{self.tools}/{program}", "{box.stamps}", "{service_name(index)}"]\n'
        probe = f'[health]\n{box.scenario}\ninterval = "1s"\n' if box.scenario.startswith(PROBES) else ""
        return f"{before}[service]\n{kind}{command}{self.output}{probe}"

    def client(self, box, *words):
        return [self.tools / "initctl", "--runtime", box.work / "run", *words]

    def status_command(self, box, index):
        return self.client(box, "status", f"{service_name(index)}.service")

    def list_command(self, box):
        return self.client(box, "list")


class InitdLogging(Initd):
    """As a unit without any output key runs: stdout and stderr are pipes to the logger."""
    name = "initd-log"
    answers = ()
    reaps_orphans = False  # no other figures than those of initd
    counts_thousands = False
    output = ""


class Supervised(Contender):
    """s6 and runit: a directory per service; its run file is our program by way of '#!'."""
    scan_command = ()

    def available(self):
        return shutil.which(self.scan_command[0]) is not None

    def prepare(self, box):
        scan = box.work / "scan"
        scan.mkdir()
        for i in range(box.count):
            folder = scan / service_name(i)
            folder.mkdir()
            run = folder / "run"
            run.write_text(f"#!{box.tools}/bench-stamp {box.stamps}\n")
            run.chmod(0o755)
        os.utime(scan, (1, 1))  # runsvdir waits a second where the folder is as young as the clock
        return [*self.scan_command, scan]


class S6(Supervised):
    name = "s6"
    answers = ("status",)
    scan_command = ("s6-svscan", "-c", "6000")
    restarts_at_once = False  # waits a second between two starts

    def status_command(self, box, index):
        return ["s6-svstat", box.work / "scan" / service_name(index)]


class Runit(Supervised):
    name = "runit"
    answers = ("status",)
    counts_thousands = False
    scan_command = ("runsvdir", "-P")
    most_services = 999
    reaps_orphans = False
    restarts_at_once = False
    orderly_stop = False  # runsvdir ends without waiting for the services

    def status_command(self, box, index):
        return ["sv", "status", box.work / "scan" / service_name(index)]


class Supervisor(Contender):
    name = "supervisor"
    answers = ("status",)
    counts_thousands = False
    most_services = 100
    reaps_orphans = False
    restarts_at_once = False

    def available(self):
        return shutil.which("supervisord") is not None

    def prepare(self, box):
        text = (f"[unix_http_server]\nfile={box.work}/sock\n[supervisord]\nnodaemon=true\nlogfile=/dev/null\n"
                f"logfile_maxbytes=0\npidfile={box.work}/pid\nchildlogdir={box.work}\n"
                "[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory = "
                "supervisor.rpcinterface:make_main_rpcinterface\n"
                f"[supervisorctl]\nserverurl=unix://{box.work}/sock\n")
        for i in range(box.count):
            text += (f"[program:{service_name(i)}]\nstdout_logfile=NONE\nstderr_logfile=NONE\n"
                     f"command={box.tools}/bench-stamp {box.stamps} {service_name(i)}\n")
        (box.work / "conf").write_text(text)
        return ["supervisord", "-c", box.work / "conf"]

    def status_command(self, box, index):
        return ["supervisorctl", "-c", box.work / "conf", "status", service_name(index)]


class Dinit(Contender):
    name = "dinit"
    answers = ("status", "list")

    def available(self):
        return shutil.which("dinit") is not None

    def prepare(self, box):
        services = box.work / "dinit.d"
        services.mkdir()
        boot = "type = internal\n"
        for i in range(box.count):
            boot += f"waits-for: {service_name(i)}\n"
            (services / service_name(i)).write_text(
                f"type = process\ncommand = {box.tools}/bench-stamp {box.stamps} {service_name(i)}\n"
                "restart = true\nrestart-delay = 0\nrestart-limit-count = 0\n")
        (services / "boot").write_text(boot)
        return ["dinit", "--container", "-d", services, "-p", box.work / "socket", "-l", "/dev/null"]

    def status_command(self, box, index):
        return ["dinitctl", "-p", box.work / "socket", "status", service_name(index)]

    def list_command(self, box):
        return ["dinitctl", "-p", box.work / "socket", "list"]


def all_contenders(tools):
    tools = pathlib.Path(os.path.abspath(tools))
    known = [Limit(), Floor(), Initd(tools), InitdLogging(tools), S6(), Runit(), Supervisor(), Dinit()]
    return [contender for contender in known if contender.available()]
