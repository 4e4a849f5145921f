"""initd-bus and services of type dbus, on a message bus of their own."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

from machine import DEADLINE, PROGRAMS, Machine, wait_until

if shutil.which("dbus-daemon") is None or not (PROGRAMS / "initd-bus").exists():
    print("skipped: needs dbus-daemon, and libsystemd at build time")
    sys.exit(77)

CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={socket}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>
"""


class Bus:
    """A dbus-daemon of a test; it can end and come back."""

    def __init__(self, place):
        self.socket = pathlib.Path(place) / "bus"
        self.config = pathlib.Path(place) / "bus.conf"
        self.config.write_text(CONFIG.format(socket=self.socket), encoding="utf-8")
        self.address = f"unix:path={self.socket}"
        self.process = None

    def start(self):
        self.process = subprocess.Popen(["dbus-daemon", f"--config-file={self.config}", "--nofork", "--nopidfile"],
                                        stderr=subprocess.DEVNULL)  # fmt: skip
        self.await_it()

    def await_it(self):
        """Whoever connects before fails, as named does."""
        wait_until("the bus is there", self._accepts)

    def _accepts(self):
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(self.socket)) == 0

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.socket.unlink(missing_ok=True)
        self.process = None


class WatcherTest(unittest.TestCase):
    """initd-bus alone: the test is the manager."""

    def setUp(self):
        self.place = tempfile.mkdtemp(prefix="initd-bus-")
        self.bus = Bus(self.place)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(self.place + "/notify")
        self.notify.settimeout(DEADLINE)
        self.children = []

    def tearDown(self):
        for child in self.children:
            child.kill()
            child.wait()
        self.bus.stop()
        self.notify.close()
        shutil.rmtree(self.place)

    def start(self, *command):
        environment = {"NOTIFY_SOCKET": self.place + "/notify", "DBUS_SYSTEM_BUS_ADDRESS": self.bus.address}
        child = subprocess.Popen([str(word) for word in command], env=environment)
        self.children.append(child)
        return child

    def expect(self, word):
        """Waits for this message; others may come before."""
        while (text := self.notify.recv(4096).decode()) != word:
            pass
        return text

    def owner(self, name, pid):
        return self.expect(f"X_INITD_BUS_OWNER={name} {pid}")

    def test_owners_are_told_as_they_come_and_go(self):
        self.bus.start()
        self.start(PROGRAMS / "initd-bus", "org.initd.One", "org.initd.Two")
        self.expect("STATUS=watching 2 names")
        two = self.start(PROGRAMS / "named", "org.initd.Two")
        self.owner("org.initd.Two", two.pid)
        two.kill()
        self.owner("org.initd.Two", 0)

    def test_an_owner_from_before_is_told(self):
        self.bus.start()
        one = self.start(PROGRAMS / "named", "org.initd.One")
        self.start(PROGRAMS / "initd-bus", "org.initd.One")
        self.owner("org.initd.One", one.pid)

    def test_a_bus_that_comes_late_and_one_that_comes_back(self):
        self.start(PROGRAMS / "initd-bus", "org.initd.One")
        self.assertIn(b"STATUS=waiting for the bus", self.notify.recv(4096))
        for _ in range(2):
            self.bus.start()
            self.expect("STATUS=watching 1 names")
            one = self.start(PROGRAMS / "named", "org.initd.One")
            self.owner("org.initd.One", one.pid)
            self.bus.stop()
            while not self.notify.recv(4096).startswith(b"STATUS=waiting"):
                pass


class DbusServiceTest(unittest.TestCase):
    """Services of type dbus under initd."""

    def setUp(self):
        self.place = tempfile.mkdtemp(prefix="initd-bus-")
        os.chmod(self.place, 0o755)
        self.bus = Bus(self.place)
        # What initd-bus and the services get: their environment is built from nothing.
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = self.bus.address

        self.bus_unit = (f'[service]\ncommand = ["/usr/bin/dbus-daemon", "--config-file={self.bus.config}", "--nofork", "--nopidfile"]\n')

    def tearDown(self):
        shutil.rmtree(self.place)

    @staticmethod
    def unit(name, keys=""):
        return (f'[service]\ntype = "dbus"\nbus-name = "{name}"\ncommand = ["{PROGRAMS}/named", "org.initd.Own"]\n'
                f'restart-delay = "50ms"\npass-environment = ["DBUS_SYSTEM_BUS_ADDRESS"]\n{keys}\n')  # fmt: skip

    def start_bus(self, machine):
        machine.initctl("start", "bus")
        self.bus.await_it()

    def test_it_is_started_when_it_owns_its_name(self):
        with Machine({"a.service": self.unit("org.initd.Own"), "bus.service": self.bus_unit}) as machine:
            self.start_bus(machine)
            machine.initctl("start", "a")
            self.assertEqual(machine.status("initd-bus")["state"], "active")
            os.kill(machine.host_pid(machine.main_pid("a")), signal.SIGKILL)
            wait_until("it is back", lambda: machine.status("a")["restarts"] == 1)
            machine.wait_for_state("a", "active")
            machine.initctl("stop", "a")
            machine.wait_for_state("initd-bus", "inactive")

    def test_a_bus_that_comes_late_is_waited_for(self):
        with Machine({"a.service": self.unit("org.initd.Own"), "bus.service": self.bus_unit}) as machine:
            subprocess.Popen(machine.command("start", "a"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            wait_until("initd-bus waits", lambda: "waiting" in machine.status("initd-bus").get("status_text", ""))
            machine.initctl("start", "bus")
            machine.wait_for_state("a", "active")

    def test_another_name_is_no_readiness(self):
        other = self.unit("org.initd.Other", 'start-timeout = "1s"\nrestart = "no"')
        with Machine({"a.service": other, "bus.service": self.bus_unit}) as machine:
            self.start_bus(machine)
            self.assertNotEqual(machine.initctl("start", "a", check=False).returncode, 0)
            machine.wait_for_state("a", "failed")

    def test_a_bus_that_dies_takes_nothing_with_it_but_its_clients(self):
        units = {"bus.service": self.bus_unit, "a.service": self.unit("org.initd.Own"), "b.service": '[service]\ncommand = ["/bin/sleep", "infinity"]\n'}
        with Machine(units) as machine:
            self.start_bus(machine)
            machine.initctl("start", "a", "b")
            machine.initctl("stop", "bus")
            machine.initctl("start", "bus")  # named ends without a bus, and fails until it is there again
            wait_until("it is back", lambda: machine.status("a")["restarts"] >= 1)
            machine.wait_for_state("a", "active")
            self.assertEqual(machine.status("b")["restarts"], 0)


if __name__ == "__main__":
    unittest.main()
