"""initctl as people use it: on a terminal and in a pipe, and looking into what runs."""

import json
import os
import pty
import re
import shutil
import subprocess
import unittest

from machine import NOBODY, PROGRAMS, Machine, wait_until

ERASE = "\r\x1b[K"
SLOW = '[service]\npre-start = [["/bin/sh", "-c", "until [ -e {go} ]; do sleep 0.05; done"]]\ncommand = ["/bin/sleep", "infinity"]\n'


class Terminal:
    """A command on a terminal of its own; what it wrote there is `text`."""

    def __init__(self, command, **environment):
        self.master, slave = pty.openpty()
        environment = {"PATH": os.environ["PATH"], "TERM": "xterm", "LANG": "C.UTF-8"} | environment
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment)
        os.close(slave)
        self.text = ""

    def read_until(self, pattern):
        """Until what was written matches; None: until the end."""
        while pattern is None or not re.search(pattern, self.text):
            try:
                self.text += os.read(self.master, 4096).decode()
            except OSError:  # EIO: nobody has the other end any more
                break
        return self.text

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.master)


class TerminalTest(unittest.TestCase):
    def start_slowly(self, machine, **environment):
        """All that `initctl start slow` writes on a terminal, and its exit code."""
        go = machine.place / "go"
        go.unlink(missing_ok=True)
        with Terminal(machine.command("start", "slow"), **environment) as terminal:
            wait_until("it is on its way", lambda: machine.status("slow")["state"] == "activating")
            if environment.get("TERM") != "dumb":
                terminal.read_until("slow.service: .*pre-start")
            go.touch()
            terminal.read_until(None)
            code = terminal.process.wait()
        machine.initctl("stop", "slow")
        return terminal.text, code

    def machine(self):
        machine = Machine()
        machine.units["slow.service"] = ""  # its text names the machine's own place
        return machine

    def test_a_blocking_start_shows_what_it_waits_for_and_erases_it(self):
        with self.machine() as machine:
            machine.write_unit("slow.service", SLOW.format(go=machine.place / "go"))
            machine.initctl("daemon-reload")
            text, code = self.start_slowly(machine)
            self.assertEqual(code, 0, text)
            progress, _, result = text.rpartition(ERASE)
            self.assertTrue(progress.startswith(ERASE), repr(text))
            self.assertNotIn("\n", progress, "it is one line, written over and over")
            self.assertEqual(result, "\x1b[32m●\x1b[0m slow.service is active\r\n")

            text, code = self.start_slowly(machine, NO_COLOR="1")
            self.assertIn(ERASE, text)
            self.assertNotRegex(text, r"\x1b\[3[0-9]m")

            text, code = self.start_slowly(machine, TERM="dumb", LANG="C")
            self.assertEqual((text, code), ("* slow.service is active\r\n", 0))

    def test_in_a_pipe_there_is_neither_progress_nor_colour(self):
        with self.machine() as machine:
            machine.write_unit("slow.service", SLOW.format(go=machine.place / "go"))
            machine.initctl("daemon-reload")
            with subprocess.Popen(machine.command("start", "slow"), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  env=os.environ | {"TERM": "xterm", "LANG": "C.UTF-8"}) as started:  # fmt: skip
                wait_until("it is on its way", lambda: machine.status("slow")["state"] == "activating")
                (machine.place / "go").touch()
                out, err = started.communicate()
            self.assertEqual((out.decode(), err), ("● slow.service is active\n", b""))

    def test_f7_what_others_wrote_cannot_move_the_cursor(self):
        script = "printf 'clear \\\\033[2J\\\\n'; exec sleep infinity"
        with Machine({"a.service": f'[service]\ncommand = ["/bin/sh", "-c", "{script}"]\n'}) as machine:
            machine.initctl("start", "a")
            wait_until("it has written", lambda: "clear" in machine.log("a.service"))
            with Terminal(machine.command("status", "a")) as terminal:
                self.assertIn("clear \\x1b[2J", terminal.read_until(None))


class InspectTest(unittest.TestCase):
    UNIT = """[service]
command = ["/bin/sh", "-c", "exec 7</etc/passwd; sleep 1000 & exec sleep 2000"]
user = "nobody"
umask = "0027"
nice = 3
[limits]
nofile = { soft = 100, hard = 200 }
"""

    def inspect(self, machine, *options, check=True, user=None):
        identity = ["setpriv", f"--reuid={user}", "--clear-groups"] if user else []
        inside = [*identity, *Machine.command(machine, "inspect", "a", *options)]
        return machine.inside(*inside, check=check)

    def test_it_shows_what_the_unit_was_started_as(self):
        with Machine({"a.service": self.UNIT}) as machine:
            machine.initctl("start", "a")
            wait_until("both run", lambda: len(machine.services()) == 2)
            shown = json.loads(self.inspect(machine, "--json", "--maps").stdout)
            self.assertEqual(shown["unit"], "a.service")
            main = shown["processes"][0]
            self.assertTrue(main["main"])
            self.assertEqual(main["pid"], machine.main_pid("a"))
            self.assertEqual([process["parent"] for process in shown["processes"]], [1, main["pid"]])
            self.assertEqual(main["children"], [shown["processes"][1]["pid"]])
            machine.wait_until_loaded(machine.host_pid(main["pid"]), "sleep")
            main = json.loads(self.inspect(machine, "--json", "--maps").stdout)["processes"][0]
            self.assertEqual(main["arguments"], ["sleep", "2000"])
            self.assertEqual(main["uid"], dict.fromkeys(["real", "effective", "saved", "file_system"], NOBODY))
            self.assertTrue(main["no_new_privileges"])
            self.assertEqual((main["umask"], main["nice"], main["policy"]), (0o27, 3, "other"))
            self.assertEqual(main["limits"]["nofile"], {"soft": 100, "hard": 200})
            self.assertEqual(main["limits"]["as"], {}, "no limit")
            files = {file["number"]: file["target"] for file in main["descriptors"]}
            self.assertEqual((files[0], files[7]), ("/dev/null", "/etc/passwd"))
            self.assertEqual(sum(main["regions"].values()) - main["regions"]["outside"], main["memory"]["size"])
            self.assertEqual(sum(map["end"] - map["begin"] for map in main["maps"]), sum(main["regions"].values()))
            self.check_words(machine, main)

    def check_words(self, machine, main):
        text = self.inspect(machine).stdout
        for row in (f"process   {main['pid']} sleep (main), sleeping, runs for", "command   sleep 2000",
                    f"identity  uid {NOBODY}, gid ", "nofile 100:200", "7 /etc/passwd (read)"):  # fmt: skip
            self.assertIn(row, text)
        self.assertNotIn("[stack]", text)
        self.assertRegex(self.inspect(machine, "--maps").stdout, r"rw-p +\d.* stack +\[stack\]")

    def test_others_see_no_arguments_and_no_files(self):
        with Machine({"a.service": '[service]\ncommand = ["/bin/sleep", "9876543"]\n'}) as machine:
            machine.initctl("start", "a")
            done = self.inspect(machine, "--json", user=NOBODY)
            main = json.loads(done.stdout)["processes"][0]
            self.assertNotIn("arguments", main)
            self.assertNotIn("descriptors", main)
            self.assertEqual(main["uid"]["real"], 0)
            self.assertIn("descriptors", main["denied"])
            self.assertNotIn("9876543", done.stdout)

    def test_its_exit_codes(self):
        with Machine({"a.service": '[service]\ncommand = ["/bin/sleep", "2000"]\n'}) as machine:
            self.assertEqual(self.inspect(machine, check=False).returncode, 3)
            self.assertEqual(machine.initctl("inspect", "nothing", check=False).returncode, 5)
            machine.initctl("start", "a")
            self.assertEqual(self.inspect(machine).returncode, 0)
            outside = machine.initctl("inspect", "a", check=False)
            self.assertEqual(outside.returncode, 1, "the number is another process's there")
            self.assertIn("another PID namespace", outside.stderr)


class PrivilegedTest(unittest.TestCase):
    """F44: initctl with somebody else's rights, and what it might be talked into running."""

    def test_F44_with_anothers_rights_it_does_nothing(self):
        with Machine({"a.service": '[service]\ncommand = ["sleep", "1d"]\n'}) as machine:
            machine.initctl("start", "a")
            borrowed = machine.place / "initctl"
            shutil.copy(PROGRAMS / "initctl", borrowed)
            os.chown(borrowed, NOBODY, NOBODY)
            borrowed.chmod(0o4755)
            done = subprocess.run([borrowed, "--runtime", machine.runtime, "stop", "a"], capture_output=True, text=True, timeout=30)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (4, "", ""))
            self.assertEqual(machine.status("a")["state"], "active")

    def test_F44_it_runs_no_pager_and_no_other_program(self):
        with Machine({"a.service": '[service]\ncommand = ["sleep", "1d"]\n'}) as machine:
            trap = machine.place / "trap"
            trap.write_text(f"#!/bin/sh\ntouch {machine.place}/sprung\n")
            trap.chmod(0o755)
            environment = {name: str(trap) for name in ("PAGER", "SYSTEMD_PAGER", "LESSOPEN", "EDITOR", "SHELL")}
            for words in (("status",), ("list",), ("status", "a"), ("logs", "initd"), ("cat", "a"), ("help",)):
                with Terminal(machine.command(*words), **environment) as terminal:
                    terminal.read_until(None)
            self.assertFalse((machine.place / "sprung").exists())

    def test_under_the_name_telinit_u_is_an_upgrade(self):
        with Machine({"a.service": '[service]\ncommand = ["sleep", "1d"]\n'}, copies=True) as machine:
            machine.initctl("start", "a")
            before, manager = machine.main_pid("a"), machine.manager()
            (machine.place / "telinit").symlink_to(PROGRAMS / "initctl")
            done = subprocess.run([machine.place / "telinit", "u"], env={"INITD_RUNTIME": str(machine.runtime)}, capture_output=True, text=True, timeout=60)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertNotEqual(machine.manager(), manager)
            self.assertEqual(machine.main_pid("a"), before)


if __name__ == "__main__":
    unittest.main()
