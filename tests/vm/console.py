"""A virtual machine driven over its serial console, by pattern and answer."""

import os
import re
import select
import subprocess
import time

QEMU = ["qemu-system-x86_64", "-M", "q35", "-accel", "tcg,thread=multi", "-smp", "2", "-m", "512M", "-nodefaults",
        "-no-user-config", "-display", "none", "-serial", "stdio", "-no-reboot"]  # fmt: skip


class Machine:
    """with Machine(kernel, initramfs, append) as machine: the machine runs; what it wrote so far is `text`."""

    def __init__(self, kernel, initramfs, append, disk=None):
        self.command = [*QEMU, "-kernel", str(kernel), "-initrd", str(initramfs), "-append", append]
        if disk:
            self.command += ["-drive", f"file={disk},format=raw,if=none,id=disk", "-device", "nvme,drive=disk,serial=1"]
        self.text = ""
        self.read_to = 0
        self.commands = 0

    def __enter__(self):
        self.started = time.monotonic()
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)  # fmt: skip
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def age(self):
        """Seconds since the start."""
        return time.monotonic() - self.started

    def _read(self, end):
        """Takes what the machine writes next; False at its end. TimeoutError when nothing comes until `end`."""
        ready, _, _ = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))
        if not ready:
            raise TimeoutError(f"nothing more came; the last of it:\n{self.text[-2000:]}")
        data = os.read(self.process.stdout.fileno(), 65536)
        self.text += data.decode(errors="replace").replace("\r", "")
        return bool(data)

    def expect(self, pattern, timeout=60):
        """Waits for a pattern, of one line, after what was matched before; returns the match."""
        end = time.monotonic() + timeout
        pattern, start = re.compile(pattern, re.M), self.read_to
        while not (match := pattern.search(self.text, start)):
            start = max(start, self.text.rfind("\n") + 1)
            if not self._read(end):
                raise EOFError(f"the machine ended before {pattern.pattern!r}; the last of it:\n{self.text[-2000:]}")
        self.read_to = match.end()
        return match

    def run(self, command, timeout=60):
        """A command in the shell of the console: (its exit code, what it wrote)."""
        self.commands += 1
        # The console echoes what is typed, at its own pace; the quotes keep the echo from looking like the marks.
        self.send(f'echo "<""{self.commands}>"; {command}; echo "<""$?>"')
        self.expect(rf"<{self.commands}>\n", timeout)
        start = self.read_to
        match = self.expect(r"<(\d+)>\n", timeout)
        return int(match.group(1)), self.text[start : match.start()]

    def send(self, command):
        self.process.stdin.write(f"{command}\n".encode())
        self.process.stdin.flush()

    def wait(self, timeout=60):
        """Waits for the end of the machine; returns the exit code of qemu."""
        end = time.monotonic() + timeout
        while self._read(end):
            pass
        return self.process.wait(timeout)
