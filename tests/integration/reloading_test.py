"""Unit files are read again: beside the manager, and for everyone who asked."""

import os
import signal
import subprocess
import threading
import unittest

from machine import Machine, read, wait_until

SERVICE = '[service]\ncommand = ["/bin/sleep", "1000"]\n'


class ReloadingTest(unittest.TestCase):
    @unittest.skipUnless(os.access("/dev/fuse", os.R_OK | os.W_OK), "no /dev/fuse")
    def test_F55_P23_a_unit_directory_that_hangs_holds_up_only_who_reads_it(self):
        with Machine({"a.service": SERVICE, "b.service": SERVICE}) as machine:
            machine.initctl("start", "a")
            running = machine.main_pid("a")
            with machine.frozen(machine.unit_directory):
                asking = subprocess.Popen(machine.command("daemon-reload"), text=True, stderr=subprocess.PIPE)
                before = machine.manager()
                self.wait_for_reader(machine)
                machine.initctl("start", "b")
                machine.initctl("stop", "b")
                self.assertIn("log not shown", machine.initctl("status", "a").stdout)
                self.assertIn("not shown", machine.initctl("cat", "a").stdout)
                self.assertEqual(machine.manager(), before)
                os.kill(before, signal.SIGKILL)
                wait_until("another manager", lambda: machine.manager() not in (0, before))
                self.wait_for_reader(machine)  # whoever asked has come back
                machine.initctl("start", "b")
                self.assertIsNone(asking.poll(), "nobody has read the files")
            _, said = asking.communicate(timeout=60)
            # The directory could not be read; what nobody knows any better stays.
            self.assertNotEqual(asking.returncode, 0)
            self.assertIn("the directory is not used", said)
            self.assertIn("the last good version of b.service stays in force", said)
            self.assertEqual(machine.main_pid("a"), running)
            machine.initctl("restart", "b")
            machine.write_unit("c.service", SERVICE)
            machine.initctl("daemon-reload")
            machine.initctl("start", "c")
            self.assertEqual(machine.main_pid("a"), running)

    @unittest.skipUnless(os.access("/dev/fuse", os.R_OK | os.W_OK), "no /dev/fuse")
    def test_P23_a_state_directory_that_hangs_holds_up_nobody(self):
        with Machine({"a.service": SERVICE}) as machine:
            machine.initctl("start", "a")
            before = machine.manager()
            with machine.frozen(machine.place / "state"):
                for unit in ("b.service", "c.service"):
                    machine.write_unit(unit, SERVICE)
                    asking = subprocess.Popen(machine.command("daemon-reload"))
                    self.wait_for_reader(machine)
                    machine.initctl("restart", "a")
                    self.assertEqual(asking.wait(timeout=60), 0)
                    machine.initctl("start", unit)
            self.assertEqual(machine.manager(), before)
            wait_until("who reads the log knows", lambda: "its file system does not answer" in machine.initctl("logs", "initd").stdout)
            kept = machine.place / "state/generation"
            old = kept.stat().st_mtime_ns
            machine.initctl("daemon-reload")
            self.assertGreater(kept.stat().st_mtime_ns, old)

    @staticmethod
    def wait_for_reader(machine):
        def children():
            return read(f"/proc/{machine.manager()}/task/{machine.manager()}/children")

        wait_until("the files are being read", children)

    def test_who_asks_while_files_are_being_read_gets_what_he_wrote_before(self):
        many = {f"other{i}.service": SERVICE for i in range(200)}
        wrong = []
        with Machine(many) as machine:

            def write_and_ask(number):
                for turn in range(10):
                    unit = f"mine{number}-{turn}.service"
                    machine.write_unit(unit, SERVICE)
                    done = machine.initctl("daemon-reload", check=False)
                    known = machine.initctl("start", unit, check=False)
                    wrong.extend(f"{unit}: {one.stderr}" for one in (done, known) if one.returncode != 0)

            threads = [threading.Thread(target=write_and_ask, args=(number,)) for number in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual(wrong, [])

    def test_a_reload_by_signal_survives_the_manager(self):
        with Machine() as machine:
            for turn in range(10):
                unit = f"new{turn}.service"
                machine.write_unit(unit, SERVICE)
                before = machine.manager()
                os.kill(machine.pid, signal.SIGHUP)
                os.kill(before, signal.SIGKILL)
                wait_until("another manager", lambda before=before: machine.manager() not in (0, before))
                wait_until("the unit is known", lambda unit=unit: machine.initctl("start", unit, check=False).returncode == 0)


if __name__ == "__main__":
    unittest.main()
