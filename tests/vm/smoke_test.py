"""initd as PID 1 of a real machine: boots to a shell on the serial console, answers there, survives the death of its
manager, powers the machine off.

    smoke_test.py PROGRAMS CACHE      the directory of the three programs, a directory for the kernel and the initramfs
"""

import tiny


class SmokeTest(tiny.TinyMachine):
    def test_a_machine_boots_to_a_shell_answers_survives_and_powers_off(self):
        with self.boot() as machine:
            print(f"from power-on to the prompt: {machine.age():.2f} s", flush=True)
            self.check_status(machine)
            self.check_death_of_manager(machine)
            self.check_status(machine)
            self.check_poweroff(machine)
            print(f"from power-on to power-off: {machine.age():.2f} s", flush=True)


if __name__ == "__main__":
    tiny.main()
