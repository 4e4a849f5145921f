"""What only a machine shows: what a restart-limit does to it, and numbers of processes that come round again.

    limits_test.py PROGRAMS CACHE      as smoke_test.py
"""

import tiny

ACTIONS = {"exit": "Power down", "poweroff": "Power down", "reboot": "Restarting system"}
CRASH = """[service]
command = ["/bin/sh", "-c", "exit 3"]
restart-delay = "10ms"
restart-limit = {{ burst = 2, interval = "1min", action = "{action}" }}
"""
# It says when a signal comes.
CANARY = """[service]
command = ["/bin/sh", "-c", "for s in HUP INT QUIT USR1 USR2 TERM CONT; do trap \\"echo $$s >>/tmp/strays\\" $$s; done; while :; do sleep 1000; done"]
stop-schedule = ["KILL"]
"""
LOOP = """[service]
command = ["/bin/sh", "-c", "exit 1"]
restart-delay = "1ms"
restart-delay-max = "1ms"
"""
CANARIES, LOOPS, ROUNDS = 10, 5, 100


class LimitsTest(tiny.TinyMachine):
    more_units = (
        {f"{action}.service.toml": CRASH.format(action=action) for action in ACTIONS}
        | {f"canary{number}.service.toml": CANARY for number in range(CANARIES)}
        | {f"loop{number}.service.toml": LOOP for number in range(LOOPS)}
        | {"short.service.toml": '[service]\ncommand = ["/bin/sleep", "1000"]\n'}
    )

    def test_the_action_of_a_restart_limit(self):
        for action, word in ACTIONS.items():
            with self.subTest(action), self.boot() as machine:
                machine.send(f"initctl start {action} --no-block")
                self.assertEqual(machine.wait(timeout=60), 0)
                self.assertNotIn("Kernel panic", machine.text)
                self.assertIn(f"reboot: {word}", machine.text)

    def test_F17_P22_numbers_that_come_round_again_are_others(self):
        """About twice as many numbers as there are processes, used up again and again by crash loops and by starts and
        stops; the signals of a stop reach nobody else."""
        with self.boot() as machine:
            canaries = " ".join(f"canary{number}" for number in range(CANARIES))
            loops = " ".join(f"loop{number}" for number in range(LOOPS))
            # The kernel keeps the first 300 numbers to what was there early.
            self.ask(machine, "until test $(sh -c 'echo $$') -gt 300; do :; done", timeout=120)
            self.ask(machine, f"initctl start {canaries}")
            ids = f"for u in {canaries}; do initctl status $u | grep 'process '; done"
            before = self.ask(machine, ids)
            self.ask(machine, f"echo {300 + 4 * CANARIES} >/proc/sys/kernel/pid_max")
            machine.run(f"initctl start --no-block {loops}")
            self.ask(machine, f"i=0; while test $i -lt {ROUNDS}; do initctl --quiet restart short && initctl --quiet stop short || break; i=$((i+1)); done; test $i = {ROUNDS}",
                     timeout=240)  # fmt: skip
            self.assertEqual(self.ask(machine, ids), before)
            self.ask(machine, "! cat /tmp/strays")
            self.check_death_of_manager(machine)
            self.check_poweroff(machine)


if __name__ == "__main__":
    tiny.main()
