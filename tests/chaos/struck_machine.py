"""The machine of tests/integration as faults need it: with little room in /run, and a console that nobody may be reading."""

import os
import subprocess

from machine import Machine, read

ROOM = "size=2m,nr_inodes=400"
PATIENCE = 5000  # milliseconds: so long initd waits for a manager that does not answer


class StruckMachine(Machine):
    """deaf: its console is full, and nobody reads it."""

    def __init__(self, deaf):
        super().__init__(copies=True, arguments=["--patience", str(PATIENCE)])
        self.deaf = deaf

    def _start(self):
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"mode=755,{ROOM}", "tmpfs", self.runtime], check=True)
        super()._start()

    def _open_console(self):
        if not self.deaf:
            return super()._open_console()
        self.unread, console = os.pipe()
        os.set_blocking(console, False)
        try:
            while True:
                os.write(console, bytes(4096))
        except BlockingIOError:
            os.set_blocking(console, True)
        return os.fdopen(console, "wb", buffering=0)

    def __exit__(self, kind, *rest):
        if kind is not None:
            print("".join(line for line in read(self.place / "console").splitlines(True) if line.startswith("initd: "))[-3000:], flush=True)
        # The machine keeps it until its end.
        subprocess.run(["umount", "--lazy", self.runtime], check=False)
        if self.deaf:
            os.close(self.unread)  # or tools/namespace would wait for ever to say that initd was killed
        super().__exit__(None, *rest)  # which tells the logs of all services where something failed
