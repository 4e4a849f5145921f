"""What fails stays alone: the rest runs, and the answer names what failed."""

import os
import signal
import unittest

from machine import Machine, wait_until

SLEEP = '[service]\ncommand = ["/bin/sleep", "infinity"]\n'
MISSING = '[service]\ncommand = ["/nonexistent/program"]\nrestart = "no"\n'


class FailuresTest(unittest.TestCase):
    def test_one_failing_start_leaves_the_rest_running(self):
        names = [f"good{i}.service" for i in range(5)]
        units = {name: SLEEP for name in names}
        units["bad.service"] = MISSING
        units["default.target"] = f"[unit]\nwants = {[*names, 'bad.service']}\n".replace("'", '"')
        with Machine(units) as machine:
            for name in names:
                machine.wait_for_state(name, "active")
            machine.wait_for_state("bad.service", "failed")
            system = machine.json("status")
            self.assertEqual(system["state"], "degraded", system)
            self.assertEqual([note["unit"] for note in system["failed"]], ["bad.service"])
            self.assertEqual(machine.initctl("is-system-running", check=False).stdout, "degraded\n")

    def test_start_of_several_says_which_failed(self):
        with Machine({"a.service": SLEEP, "b.service": MISSING, "c.service": SLEEP}) as machine:
            done = machine.initctl("start", "a", "b", "c", check=False)
            self.assertEqual(done.returncode, 1, done)
            said = done.stdout + done.stderr
            self.assertRegex(said, r"b\.service did not start|b\.service.*fail")
            self.assertIn("/nonexistent/program", said)
            self.assertNotRegex(said, r"(a|c)\.service (did not|fail)")
            for name, state in (("a", "active"), ("b", "failed"), ("c", "active")):
                self.assertEqual(machine.status(name)["state"], state)

    def test_a_broken_file_costs_its_own_unit_only(self):
        with Machine({"a.service": SLEEP, "b.service": '[service]\ncomand = ["/bin/true"]\n',
                      "default.target": '[unit]\nwants = ["a.service", "b.service"]\n'}) as machine:  # fmt: skip
            machine.wait_for_state("a", "active")
            self.assertNotEqual(machine.initctl("start", "b", check=False).returncode, 0)

    def test_a_unit_that_left_processes_behind_is_restarted_once(self):
        script = "sleep 1000 & exec sleep infinity"
        unit = f'[service]\npre-start = [["/bin/true"]]\ncommand = ["/bin/sh", "-c", "{script}"]\nrestart = "always"\n'
        with Machine({"a.service": unit}) as machine:
            machine.initctl("start", "a")
            wait_until("both run", lambda: len(machine.services()) == 2)
            before = machine.main_pid("a")
            os.kill(machine.host_pid(before), signal.SIGKILL)
            wait_until("another main process", lambda: machine.main_pid("a") not in (0, before))
            self.assertEqual(machine.status("a")["restarts"], 1)

    def test_the_stop_signal_reaches_the_leader_first_and_then_the_rest(self):
        """The leader stands still meanwhile, so that its signal waits for it, and can be seen."""
        child = 'sh -c "trap \\"grep ShdPnd /proc/\\$PPID/status; echo child; exit\\" TERM; echo ready; while :; do sleep 0.1; done"'
        leaders = {"waits": f"trap 'echo leader' TERM; {child} & while kill -0 $! 2>/dev/null; do wait $!; done",
                   "leaves": f"trap 'echo leader; exit' TERM; {child} & wait"}
        units = {f"{name}.service": f"[service]\nstop-timeout = '60s'\n"
                                    f"command = ['/bin/sh', '-c', \'\'\'{script}\'\'\']\n" for name, script in leaders.items()}
        with Machine(units) as machine:
            for name in leaders:
                machine.initctl("start", name)
                wait_until("both have set their traps", lambda name=name: "ready" in machine.log(f"{name}.service"))
                leader = machine.host_pid(machine.main_pid(name))
                os.kill(leader, signal.SIGSTOP)
                machine.initctl("stop", name, "--no-block")
                wait_until("the rest was told", lambda name=name: "child" in machine.log(f"{name}.service").split())
                os.kill(leader, signal.SIGCONT)
                machine.wait_for_state(name, "inactive")
                wait_until("all is stored", lambda name=name: "leader" in machine.log(f"{name}.service").split())
                said = [line for line in machine.log(f"{name}.service").splitlines() if line != "Terminated"]  # the shell's
                self.assertEqual(said, ["ready", f"ShdPnd:\t{1 << signal.SIGTERM - 1:016x}", "child", "leader"])

    def test_a_failed_pre_start_is_told_with_its_step_and_program(self):
        true = '["/bin/true"]'
        units = {
            "missing.service": f'[service]\npre-start = [{true}, ["/nonexistent/prepare"]]\ncommand = {true}\nrestart = "no"\n',
            "fails.service": f'[service]\npre-start = [["/bin/sh", "-c", "exit 7"]]\ncommand = {true}\nrestart = "no"\n',
            "main.service": f'[service]\npre-start = [{true}]\ncommand = ["/nonexistent/main"]\nrestart = "no"\n',
        }
        told = {
            "missing": "pre-start step 2 (/nonexistent/prepare): exec failed at step 'exec': /nonexistent/prepare: "
                       "No such file or directory",
            "fails": "pre-start step 1 (/bin/sh) failed: exit 7",
            "main": "main.service failed: exec failed at step 'exec': /nonexistent/main: No such file or directory",
        }  # fmt: skip
        with Machine(units) as machine:
            for unit, text in told.items():
                self.assertIn(text, machine.initctl("start", unit, check=False).stderr)
                self.assertIn(text.rpartition(".service failed: ")[2], machine.initctl("status", unit, check=False).stdout)
                self.assertIn(text.rpartition(".service failed: ")[2], machine.initctl("why", unit).stdout)

    def test_exit_codes_follow_the_lsb(self):
        with Machine({"a.service": SLEEP, "b.service": MISSING}) as machine:
            machine.initctl("start", "a")
            self.assertEqual(machine.initctl("status", "a", check=False).returncode, 0)
            self.assertEqual(machine.initctl("status", "b", check=False).returncode, 3)
            self.assertEqual(machine.initctl("status", "nothing", check=False).returncode, 4)
            self.assertEqual(machine.initctl("is-active", "b", check=False).returncode, 3)
            self.assertEqual(machine.initctl("nonsense", check=False).returncode, 2)

    def test_a_blocked_service_starts_when_its_dependency_recovers(self):
        units = {"db.service": MISSING, "app.service": '[unit]\nrequires = ["db.service"]\n' + SLEEP}
        with Machine(units) as machine:
            self.assertEqual(machine.initctl("start", "app", check=False).returncode, 1)
            self.assertEqual(machine.status("app")["blocked_by"]["unit"], "db.service")
            machine.write_unit("db.service", SLEEP)
            machine.initctl("daemon-reload")
            machine.initctl("start", "db")
            machine.wait_for_state("app", "active")


if __name__ == "__main__":
    unittest.main()
