"""initd as PID 1 of a real machine: boots to a shell on the serial console, answers there, survives the death of its
manager, powers the machine off.

    smoke_test.py PROGRAMS CACHE      the directory of the three programs, a directory for the kernel and the initramfs
"""

import re

import tiny

OWN_LIMIT = 2  # times the kernel's; ten times what initd, its manager and the shell take, emulated, on a quiet machine


class SmokeTest(tiny.TinyMachine):
    def test_a_machine_boots_to_a_shell_answers_survives_and_powers_off(self):
        with self.boot() as machine:
            self.check_time_to_prompt(machine, machine.age())
            self.check_status(machine)
            self.check_death_of_manager(machine)
            self.check_status(machine)
            self.check_poweroff(machine)
            print(f"from power-on to power-off: {machine.age():.2f} s", flush=True)


    # The machine tells when its kernel executed initd, and its own time; ours of the same moment is the middle of the question.
    def check_time_to_prompt(self, machine, prompt):
        began = float(re.search(r"\[ *([\d.]+)\] Run /sbin/initd", self.ask(machine, "dmesg")).group(1))
        asked = machine.age()
        uptime = float(self.ask(machine, "cat /proc/uptime").split()[0])
        power_on = (asked + machine.age()) / 2 - uptime
        own = prompt - power_on - began
        print(f"from power-on to the prompt: {prompt:.2f} s; qemu and its firmware {power_on:.2f} s, the kernel {began:.2f} s, "
              f"initd {own:.2f} s", flush=True)  # fmt: skip
        self.assertLess(own, OWN_LIMIT * began)


if __name__ == "__main__":
    tiny.main()
