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
        wait_until("the bus is there", self.socket.exists)

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
        self.owner("org.initd.One", 0)
        self.owner("org.initd.Two", 0)
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
            self.owner("org.initd.One", 0)
            one = self.start(PROGRAMS / "named", "org.initd.One")
            self.owner("org.initd.One", one.pid)
            self.bus.stop()
            while not self.notify.recv(4096).startswith(b"STATUS=waiting"):
                pass


if __name__ == "__main__":
    unittest.main()
