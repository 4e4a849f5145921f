"""initd as PID 1 of a real machine: boots to a shell on the serial console, answers there, survives the death of its
manager, powers the machine off.

    smoke_test.py PROGRAMS CACHE      the directory of the three programs, a directory for the kernel and the initramfs
"""

import pathlib
import sys
import unittest

import console
import image

PROMPT = r"^tiny# "
APPEND = "console=ttyS0 panic=-1 quiet rdinit=/sbin/initd"


class SmokeTest(unittest.TestCase):
    programs = cache = None

    @classmethod
    def setUpClass(cls):
        cls.kernel = image.kernel(cls.cache)
        cls.initramfs = image.initramfs(pathlib.Path(cls.cache, "smoke.cpio"), cls.programs)

    def test_a_machine_boots_to_a_shell_answers_survives_and_powers_off(self):
        with console.Machine(self.kernel, self.initramfs, APPEND) as machine:
            machine.expect(PROMPT, timeout=120)
            print(f"from power-on to the prompt: {machine.age():.2f} s", flush=True)
            self.check_status(machine)
            self.check_death_of_manager(machine)
            self.check_status(machine)
            self.check_poweroff(machine)

    def check_status(self, machine):
        code, text = machine.run("initctl status")
        self.assertEqual(code, 0, text)
        code, text = machine.run("initctl status console-shell")
        self.assertEqual(code, 0, text)
        self.assertRegex(text, r"console-shell\.service\b")
        self.assertRegex(text, r"\bactive\b")

    def check_death_of_manager(self, machine):
        _, shell = machine.run("echo $$")
        _, before = machine.run("pidof initd-manager")
        self.assertEqual(machine.run("kill -9 $(pidof initd-manager)")[0], 0)
        code, text = machine.run("initctl is-active console-shell")  # waits in the backlog until there is a manager again
        self.assertEqual(code, 0, text)
        _, after = machine.run("pidof initd-manager")
        self.assertNotEqual(before, after)
        self.assertEqual(machine.run("echo $$")[1], shell)

    def check_poweroff(self, machine):
        machine.send("initctl poweroff")
        self.assertEqual(machine.wait(timeout=60), 0)
        self.assertNotIn("Kernel panic", machine.text)
        self.assertIn("Power down", machine.text)
        print(f"from power-on to power-off: {machine.age():.2f} s", flush=True)


if __name__ == "__main__":
    SmokeTest.programs, SmokeTest.cache = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1])
