"""What services say of themselves (sd_notify, ready-fd), and who is the main process of one that forks: with the real
initd, a service that does as it is told (helpers/herald.cpp), and managers that are killed in between."""

import os
import pathlib
import signal
import socket
import subprocess
import unittest

from machine import NOBODY, PROGRAMS, Machine, alive, wait_until

HERALD = PROGRAMS / "herald"


def quoted(words):
    escape = {"\n": "\\n", '"': '\\"', "\\": "\\\\", "\x1b": "\\u001b"}
    return ", ".join('"' + "".join(escape.get(c, c) for c in str(word)) + '"' for word in words)


def service(*words, keys="", unit=""):
    """A unit whose command is the herald with these words."""
    return f'{unit}\n[service]\ncommand = [{quoted([HERALD, *words])}]\nrestart = "no"\n{keys}\n'


class Case(unittest.TestCase):
    def machine(self, units=None, **options):
        machine = Machine(units or {}, **options)
        self.addCleanup(machine.__exit__, None)
        machine.__enter__()
        return machine

    @staticmethod
    def fifo(machine, name):
        """A FIFO for `await`; open_fifo() lets the herald go on."""
        path = machine.place / name
        os.mkfifo(path, 0o666)
        os.chmod(path, 0o666)
        return path

    @staticmethod
    def open_fifo(path):
        os.close(wait_until("somebody awaits it", lambda: Case._try_open(path)))

    @staticmethod
    def _try_open(path):
        try:
            return os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return 0

    @staticmethod
    def start_in_background(machine, unit):
        return subprocess.Popen(machine.command("start", unit), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    @staticmethod
    def kill_manager(machine):
        before = machine.manager()
        os.kill(before, signal.SIGKILL)
        wait_until("another manager", lambda: machine.manager() not in (0, before))

    def says(self, machine, unit, text):
        wait_until(f"{unit} says {text}", lambda: machine.status(unit).get("status_text") == text)


class WordsTest(Case):
    """Of services of any type."""

    KEYS = 'notify-access = "main"'

    def test_a_status_is_shown_and_fit_for_a_terminal(self):
        machine = self.machine({"a.service": service("say", "STATUS=serving\x1b[2J", "sleep", keys=self.KEYS)})
        machine.initctl("start", "a")
        self.says(machine, "a", "serving?[2J")
        self.assertIn("serving?[2J", machine.initctl("status", "a").stdout)
        machine.initctl("stop", "a")
        self.assertNotIn("status_text", machine.status("a"))

    def test_the_socket_is_the_users_and_goes_with_the_unit(self):
        keys = self.KEYS + '\nuser = "nobody"'
        machine = self.machine({"a.service": service("say", "STATUS=here", "sleep", keys=keys)})
        machine.initctl("start", "a")
        self.says(machine, "a", "here")
        (path,) = (machine.runtime / "n").iterdir()
        self.assertEqual((path.stat().st_uid, path.stat().st_mode & 0o777), (NOBODY, 0o600))
        machine.initctl("stop", "a")
        self.assertEqual(list((machine.runtime / "n").iterdir()), [])

    def test_who_may_speak(self):
        """notify-access: who is heard of the main process, a child of it, one that has ended, and nobody."""
        heard = {"main": {"say"}, "exec": {"say"}, "all": {"say", "say-child", "say-gone"}, "none": set()}
        units = {
            f"{access}-{verb}.service": service(verb, "STATUS=one", "touch", f"/run/{access}-{verb}", "sleep", keys=f'notify-access = "{access}"')
            for access in heard
            for verb in ("say", "say-child", "say-gone")
            if access != "none"
        }
        machine = self.machine(units)
        machine.initctl("start", *units)
        for unit in units:
            name = unit.removesuffix(".service")
            access, _, verb = name.partition("-")
            wait_until("it has spoken", lambda name=name: machine.inside("test", "-e", f"/run/{name}", check=False).returncode == 0)
            if verb in heard[access]:
                self.says(machine, unit, "one")
            else:
                wait_until("it was ignored", lambda unit=unit: f"{unit}: a message of process" in (machine.place / "console").read_text())
                self.assertNotIn("status_text", machine.status(unit))

    def test_without_access_there_is_no_socket(self):
        machine = self.machine({"a.service": service("environment", "/run/env", "sleep")})
        machine.initctl("start", "a")
        text = self.read_inside(machine, "/run/env")
        self.assertNotIn("NOTIFY_SOCKET", text)

    def test_F1_strangers_and_nonsense_are_ignored(self):
        """Empty, giant and binary datagrams, with the wrong descriptors, by the service and by nobody."""
        machine = self.machine({"a.service": service("say", "STATUS=mine", "sleep", keys=self.KEYS)})
        machine.initctl("start", "a")
        self.says(machine, "a", "mine")
        (path,) = (machine.runtime / "n").iterdir()
        script = (
            "import socket,os,array\n"
            "os.setuid(65534)\n"
            "s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM); s.connect(%r)\n"
            "fds=[(socket.SOL_SOCKET,socket.SCM_RIGHTS,array.array('i',[0]*250))]\n"
            "for text in (b'',b'x',b'STATUS=theirs',b'STATUS=theirs\\0',b'READY=1\\nMAINPID=1',b'x'*4096,b'x'*4097,b'x'*100000,bytes(range(256))):\n"
            "    s.send(text); s.sendmsg([text],fds if text else [])\n"
        ) % str(path)
        machine.inside("python3", "-c", script)
        self.assertEqual(machine.status("a")["status_text"], "mine")
        self.assertEqual(machine.status("a")["state"], "active")

    def test_F1_a_flood_starves_nobody(self):
        """Datagrams of one service without an end; others are started and stopped meanwhile."""
        machine = self.machine({"other.service": service("sleep")})
        enough = machine.place / "enough"
        machine.write_unit("flood.service", service("flood", enough, "STATUS=wet", "say", "STATUS=dry", "sleep", keys=self.KEYS))
        machine.initctl("daemon-reload")
        machine.initctl("start", "flood")
        self.says(machine, "flood", "wet")
        for _ in range(20):
            machine.initctl("start", "other")
            machine.initctl("stop", "other")
        enough.touch()
        self.says(machine, "flood", "dry")

    def test_descriptors_come_back_at_the_next_start(self):
        """FDSTORE with names, over a restart of the service and of the manager; given up when it stops for good."""
        go = "/run/go"
        words = ["environment", "/run/env", "store", "one", "first", "store", "two", "second", "say", "STATUS=kept", "await"]
        machine = self.machine(options=())
        fifo = self.fifo(machine, "go")
        machine.write_unit("a.service", service(*words, fifo, keys='fd-store-max = 8\nrestart-delay = "1ms"').replace('"no"', '"always"'))
        machine.initctl("daemon-reload")
        machine.initctl("start", "a")
        self.says(machine, "a", "kept")
        self.assertNotIn("LISTEN_FDS", self.read_inside(machine, "/run/env"))
        self.kill_manager(machine)
        machine.inside("rm", "/run/env")
        self.open_fifo(fifo)  # it ends, and is started again
        text = self.read_inside(machine, "/run/env")
        self.assertIn("LISTEN_FDS=2\n", text)
        self.assertIn("LISTEN_FDNAMES=one:two\n", text)
        self.assertIn("fd 3: first\n", text)
        self.assertIn("fd 4: second\n", text)
        pid = text.rsplit("pid ", 1)[1].strip()
        self.assertIn(f"LISTEN_PID={pid}\n", text)
        machine.initctl("stop", "a")
        machine.inside("rm", "/run/env")
        machine.initctl("start", "a")
        self.assertNotIn("LISTEN_FDS", self.read_inside(machine, "/run/env"))

    @staticmethod
    def read_inside(machine, path):
        wait_until(f"{path} is there", lambda: machine.inside("test", "-e", path, check=False).returncode == 0)
        return machine.inside("cat", path).stdout


if __name__ == "__main__":
    unittest.main()
