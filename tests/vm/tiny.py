"""The machine of units/tiny, nothing but a shell on its console, and what is asked of it in every test."""

import contextlib
import pathlib
import sys
import unittest

import console
import image

PROMPT = r"^tiny# "
APPEND = "console=ttyS0 panic=-1 no_timer_check quiet rdinit=/sbin/initd"


class TinyMachine(unittest.TestCase):
    programs = cache = more_units = None
    more_programs = ()

    @classmethod
    def setUpClass(cls):
        cls.kernel = image.kernel(cls.cache)
        cls.initramfs = image.initramfs(pathlib.Path(cls.cache, f"{cls.__name__}.cpio"), cls.programs, cls.more_units,
                                        cls.more_programs)  # fmt: skip

    @contextlib.contextmanager
    def boot(self, disk=None):
        """with self.boot() as machine: its shell has shown the prompt. What it wrote is kept when the test fails."""
        with console.Machine(self.kernel, self.initramfs, APPEND, disk) as machine:
            try:
                machine.expect(PROMPT, timeout=120)
                yield machine
            except BaseException:
                kept = pathlib.Path(self.cache, f"{self._testMethodName}.console")
                kept.write_text(machine.text)
                print(f"its console is kept in {kept}", flush=True)
                raise

    def ask(self, machine, command, timeout=60):
        """What a command wrote that must succeed."""
        code, text = machine.run(command, timeout)
        self.assertEqual(code, 0, f"{command}: {text}")
        return text

    def check_status(self, machine):
        self.ask(machine, "initctl status")
        text = self.ask(machine, "initctl status console-shell")
        self.assertRegex(text, r"console-shell\.service\b")
        self.assertRegex(text, r"\bactive\b")

    def check_death_of_manager(self, machine):
        shell = self.ask(machine, "echo $$")
        before = self.ask(machine, "until pidof initd-manager; do :; done")  # it may just be replaced
        self.ask(machine, "kill -9 $(pidof initd-manager)")
        self.ask(machine, "initctl is-active console-shell")  # waits in the backlog until there is a manager again
        self.assertNotEqual(before, self.ask(machine, "pidof initd-manager"))
        self.assertEqual(self.ask(machine, "echo $$"), shell)

    def check_poweroff(self, machine):
        machine.send("initctl poweroff")
        self.assertEqual(machine.wait(timeout=60), 0)
        self.assertNotIn("Kernel panic", machine.text)
        self.assertIn("Power down", machine.text)


def main():
    """Programs and cache as ctest names them: the directory of the three programs, one for kernel and initramfs."""
    TinyMachine.programs, TinyMachine.cache = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1])
