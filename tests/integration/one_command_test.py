"""`initd -- command`: signals, ends, orphans, identity and errors, as PID 1 of a namespace and as a plain process."""

import os
import shutil
import signal
import subprocess
import tempfile
import unittest

from machine import NOBODY, alive, parent_of, read, wait_until
from one_command import INITD, NAMESPACE, WITNESS, OneCommand, children_of, run, seconds_of, write_script

FORWARDABLE = [n for n in range(1, 65) if n not in (signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD)]


class Everywhere:
    """What holds both as PID 1 and not; two classes below run it."""

    as_pid1 = False

    def start(self, *words, **options):
        return OneCommand(*words, as_pid1=self.as_pid1, **options)

    def run_it(self, *words, **options):
        return run(*words, as_pid1=self.as_pid1, **options)

    def assert_ends(self, code, *words, **options):
        done = self.run_it(*words, **options)
        self.assertEqual(done[0], code, done)
        return done

    # ---- Signals

    def test_each_signal_arrives_once(self):
        with self.start("--", WITNESS, "signals", "15") as initd:
            initd.expect("ready")
            for number in [n for n in FORWARDABLE if n != signal.SIGTERM]:
                initd.send(number)
                initd.expect(f"got {number}")
            initd.send(signal.SIGTERM)
            initd.expect("got 15", "")  # and nothing else
            self.assertEqual(initd.wait(), 0)

    def test_queued_signals_arrive_as_often_as_they_were_sent(self):
        with self.start("--", WITNESS, "signals", "15") as initd:
            initd.expect("ready")
            for _ in range(100):
                initd.send(40)
            initd.expect(*["got 40"] * 100)

    def test_signals_are_rewritten_and_dropped(self):
        with self.start("--signal", "TERM=QUIT", "--signal=HUP=", "--signal=USR1=0", "--", WITNESS, "signals", "3") as initd:
            initd.expect("ready")
            for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM):
                initd.send(number)
                if number == signal.SIGUSR2:
                    initd.expect("got 12")
            initd.expect("got 3", "")

    def test_signals_go_to_the_command_alone_or_to_its_group(self):
        script = f"{WITNESS} signals 15 & read line; exec {WITNESS} signals 15"
        for options, lines in ((), ["got 10"]), (("--group",), ["got 10", "got 10"]):
            with self.start("--wait-all", *options, "--", "/bin/sh", "-c", script, stdin=subprocess.PIPE) as initd:
                initd.expect("ready")
                initd.process.stdin.write(b"\n")
                initd.process.stdin.flush()
                initd.expect("ready")
                initd.send(signal.SIGUSR1)
                initd.expect(*lines)
                initd.send(signal.SIGTERM)
                initd.expect("got 15")
                self.assertEqual(initd.wait(), 0)

    def test_a_signal_at_any_moment_of_the_start_is_passed_on(self):
        for _ in range(30):
            with OneCommand("--", WITNESS, "signals", "15") as initd:
                wait_until("initd runs", lambda i=initd: "initd" in read(f"/proc/{i.pid}/comm"))
                wait_until("signals are blocked", lambda i=initd: "SigBlk:\tfffffff" in read(f"/proc/{i.pid}/status"))
                initd.send(signal.SIGTERM)
                self.assertIn(initd.wait(), (0, 143))  # the command may not have blocked it yet

    def test_a_storm_of_signals_is_survived(self):
        with self.start("--", WITNESS, "signals", "15") as initd:
            initd.expect("ready")
            for _ in range(20000):
                initd.send(signal.SIGHUP)
            initd.send(signal.SIGTERM)
            lines = set(iter(initd.line, ""))
            self.assertEqual(lines, {"got 1", "got 15"})
            self.assertEqual(initd.wait(), 0)

    def test_a_signal_to_a_command_that_has_ended_is_no_error(self):
        with self.start("--wait-all", "--", WITNESS, "daemon", "1", "exit", "4") as initd:
            initd.expect("ready", "got 15", "got 18")  # the command has ended, what it left has not
            for number in (signal.SIGUSR1, signal.SIGCONT, signal.SIGTSTP):
                initd.send(number)
            os.kill(children_of(initd.pid)[0], signal.SIGHUP)
            self.assertEqual(initd.wait(), 4)

    def test_the_command_starts_with_no_signal_blocked(self):
        _, output, _ = self.run_it("--", "/bin/grep", "SigBlk", "/proc/self/status")
        self.assertEqual(output, "SigBlk:\t0000000000000000\n")

    # ---- Ends

    def test_ends_with_the_code_of_the_command(self):
        for code in (0, 1, 2, 77, 126, 127, 128, 255):
            self.assert_ends(code, "--", WITNESS, "exit", code)

    def test_ends_with_128_and_the_signal_of_the_command(self):
        for number in (signal.SIGHUP, signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM, 64):
            self.assert_ends(128 + number, "--", WITNESS, "die", int(number))

    def test_exit_codes_are_mapped(self):
        mapped = ("--exit-code", "143=0", "--exit-code=1=0", "--exit-code=0=7")
        for argument, code in (("1", 0), ("0", 7), ("2", 2)):
            self.assert_ends(code, *mapped, "--", WITNESS, "exit", argument)
        self.assert_ends(0, *mapped, "--", WITNESS, "die", "15")

    def test_a_command_that_is_not_there_is_127_and_one_that_cannot_run_126(self):
        with tempfile.TemporaryDirectory() as place:
            plain = write_script(place, "plain", "no program\n")
            plain.chmod(0o644)
            _, _, errors = self.assert_ends(127, "--", "no-such-command")
            self.assertEqual(errors, "initd: no-such-command: command not found\n")
            _, _, errors = self.assert_ends(127, "--", f"{place}/none")
            self.assertEqual(errors, f"initd: {place}/none: No such file or directory\n")
            _, _, errors = self.assert_ends(126, "--", plain)
            self.assertEqual(errors, f"initd: {plain}: Permission denied\n")
            self.assert_ends(126, "--", place)

    def test_a_script_needs_its_interpreters_name(self):
        with tempfile.TemporaryDirectory() as place:
            script = write_script(place, "script", "echo no interpreter is named\n")
            _, output, errors = self.assert_ends(126, "--", script)
            self.assertEqual((output, errors), ("", f"initd: {script}: Exec format error\n"))
            script = write_script(place, "other", "#!/no/such/interpreter\n")
            self.assert_ends(127, "--", script)

    def test_no_command_and_wrong_words_are_usage_errors(self):
        for words in ((), ("--",), ("--pause",), ("--no-such", "--"), ("--user", "--")):
            words = words if "--" in words else (*words, "--")
            for more in ((), ("/bin/true",)) if words == ("--pause", "--") or "--no-such" in words else ((),):
                if words == ("--pause", "--") and not more:
                    continue
                _, output, errors = self.assert_ends(2, *words, *more)
                self.assertEqual(output, "")
                self.assertIn("usage: initd [OPTION]... -- COMMAND", errors)

    def test_a_command_that_ignores_term_is_killed(self):
        with self.start("--kill-after", "1s", "--", WITNESS, "signals", "0") as initd:
            initd.expect("ready")
            initd.send(signal.SIGTERM)
            initd.expect("got 15", "got 15", "got 18")  # the second one was for all
            self.assertEqual(initd.wait(), 137)

    def test_term_is_held_back_for_the_grace_time_once(self):
        with self.start("--grace", "1s", "--", WITNESS, "signals", "2") as initd:
            initd.expect("ready")

            def term_and_another():
                initd.send(signal.SIGTERM)
                initd.send(signal.SIGUSR1)
                initd.expect("got 10", "got 15")

            self.assertGreaterEqual(seconds_of(term_and_another), 1)
        with self.start("--grace", "10min", "--", WITNESS, "signals", "15") as initd:
            initd.expect("ready")
            initd.send(signal.SIGTERM)
            wait_until("TERM was taken", lambda: not int(read(f"/proc/{initd.pid}/status").split("ShdPnd:\t")[1][:16], 16))
            initd.send(signal.SIGTERM)
            initd.expect("got 15")
            self.assertEqual(initd.wait(), 0)

    # ---- What the command leaves behind

    def test_500_orphans_that_exit_in_the_same_moment_are_all_reaped(self):
        code, output, _ = self.run_it("--", WITNESS, "orphans", "500")
        self.assertEqual((code, output), (0, "gone\n"))

    def test_nothing_outlives_wait_all(self):
        with self.start("--wait-all", "--", WITNESS, "daemon", "15", "exit", "5") as initd:
            initd.expect("ready", "got 15", "")
            self.assertEqual(initd.wait(), 5)

    def test_what_ignores_term_in_wait_all_is_killed(self):
        with self.start("--wait-all=1s", "--", WITNESS, "daemon", "0", "exit", "6") as initd:
            initd.expect("ready", "got 15", "got 18", "")
            self.assertEqual(initd.wait(), 6)

    def test_wait_all_waits_for_orphans_that_nobody_needs_to_kill(self):
        code, output, _ = self.run_it("--wait-all", "--", "/bin/sh", "-c", "trap '' TERM; (sleep 0.3; echo end) & exit 3")
        self.assertEqual((code, output), (3, "end\n"))

    def test_pause_reaps_and_ends_by_a_signal(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.start("--pause", "--verbose", "--") as initd:
                wait_until("it waits", lambda i=initd: "poll" in read(f"/proc/{i.pid}/wchan"))
                initd.send(signal.SIGHUP)
                initd.send(number)
                self.assertEqual(initd.wait(), 0)

    # ---- What the command is given

    def test_the_command_leads_a_process_group_and_no_session(self):
        _, output, _ = self.run_it("--", WITNESS, "self")
        words = output.split()
        self.assertEqual(words[words.index("group") + 1], words[words.index("pid") + 1])
        self.assertNotEqual(words[words.index("session") + 1], words[words.index("pid") + 1])

    def test_session_gives_the_command_a_session(self):
        _, output, _ = self.run_it("--session", "--", WITNESS, "self")
        words = output.split()
        self.assertEqual(words[words.index("session") + 1], words[words.index("pid") + 1])

    def test_a_stop_reaches_a_command_in_a_session_of_its_own(self):
        with self.start("--session", "--", "/bin/sleep", "100") as initd:
            command = wait_until("the command runs", lambda: children_of(initd.pid))[0]
            wait_until("it has become sleep", lambda: read(f"/proc/{command}/comm") == "sleep\n")
            initd.send(signal.SIGTSTP)
            wait_until("the command has stopped", lambda: " T " in read(f"/proc/{command}/stat"))
            if not self.as_pid1:
                wait_until("initd has stopped as well", lambda: " T " in read(f"/proc/{initd.pid}/stat"))
            initd.send(signal.SIGCONT)
            wait_until("the command runs again", lambda: " T " not in read(f"/proc/{command}/stat"))
            initd.send(signal.SIGTERM)
            self.assertEqual(initd.wait(), 143)

    def test_directory_user_and_environment(self):
        _, output, _ = self.run_it("--directory", "/usr", "--user", "nobody", "--env", "A=1", "--env=B=", "--unset", "C", "--",
                                   "/bin/sh", "-c", "pwd; id -u; id -g; echo $A,${B-none},${C-none},$HOME",
                                   environment={"B": "old", "C": "old"})  # fmt: skip
        self.assertEqual(output, f"/usr\n{NOBODY}\n{NOBODY}\n1,,none,/nonexistent\n")
        _, output, _ = self.run_it("--user=1000:2000", "--", "/bin/sh", "-c", "id -u; id -G")
        self.assertEqual(output, "1000\n2000\n")

    def test_errors_of_the_preparation_name_what_is_wrong(self):
        for options, text in ((("--directory", "/no/where"), "/no/where: No such file or directory"),
                              (("--user", "nobdy"), "nobdy: no such user in /etc/passwd"),
                              (("--user", "4242"), "4242: not in /etc/passwd, so its group must be named: USER:GROUP")):  # fmt: skip
            _, output, errors = self.assert_ends(126, *options, "--", "/bin/echo", "ran")
            self.assertEqual((output, errors), ("", f"initd: {text}\n"))

    def test_arguments_and_environment_arrive_byte_for_byte(self):
        with tempfile.TemporaryDirectory() as place:
            script = write_script(place, "show", "#!/bin/sh\nfor word; do printf '[%s]' \"$word\"; done\n")
            with OneCommand("--", script, "", "--", "a b", "\udcff\udcfe", as_pid1=self.as_pid1) as initd:
                output = initd.process.communicate()[0]
        self.assertEqual(output, b"[][--][a b][\xff\xfe]")

    def test_the_command_is_the_one_that_is_socket_activated(self):
        script = f'LISTEN_PID=$$ LISTEN_FDS=1 exec {INITD} -- /bin/sh -c \'echo $LISTEN_FDS; test $LISTEN_PID = $$\''
        _, output, _ = run("-c", script, program="/bin/sh")
        self.assertEqual(output, "1\n")
        self.assert_ends(3, "--env=LISTEN_PID=5", "--", "/bin/sh", "-c", "test $LISTEN_PID = 5 && exit 3")

    def test_options_can_come_from_the_environment(self):
        self.assert_ends(9, "--", WITNESS, "exit", "1", environment={"INITD_OPTIONS": " --exit-code 1=9\t--group "})
        _, output, _ = self.run_it("--", "/usr/bin/env", environment={"INITD_OPTIONS": "--group"})
        self.assertNotIn("INITD_OPTIONS", output)
        self.assert_ends(2, "--", "/bin/true", environment={"INITD_OPTIONS": "--grup"})

    def test_closed_standard_streams_do_no_harm(self):
        command = [*(NAMESPACE if self.as_pid1 else ()), INITD, "--", WITNESS, "exit", "3"]
        closed = "exec " + " ".join(map(str, command)) + " <&- >&- 2>&-"
        self.assertEqual(subprocess.run(["/bin/sh", "-c", closed], check=False).returncode, 3)

    def test_a_parent_that_ignores_chld_does_not_hide_the_end(self):
        def ignore():
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        # unshare(1) itself could not wait then
        with OneCommand("--", WITNESS, "exit", "3", preexec_fn=ignore) as initd:
            self.assertEqual(initd.wait(), 3)

    def test_works_as_a_plain_user_on_a_read_only_root(self):
        script = 'mount --bind -o ro / /mnt && mount -o remount,bind,ro /mnt && exec chroot /mnt "$@"'
        identity = ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups"]
        prefix = ["unshare", "--mount", "--propagation=private", "/bin/sh", "-c", script, "sh", *identity]
        code, output, errors = run("--", "/bin/sh", "-c", "touch /x 2>/dev/null || id -u; exit 8", prefix=prefix)
        self.assertEqual((code, output), (8, "1000\n"), errors)

    def test_verbose_tells_what_happens(self):
        with self.start("--verbose", "--", WITNESS, "signals", "15") as initd:
            initd.expect("ready")
            initd.send(signal.SIGTERM)
            initd.expect("got 15")
            self.assertEqual(initd.wait(), 0)
            errors = initd.errors()
        self.assertRegex(errors, r"the command is process \d+\n.*signal 15 is passed on as 15\n.*process \d+ ended with 0\n")


class AsPid1Test(Everywhere, unittest.TestCase):
    as_pid1 = True

    def test_a_stop_from_the_terminal_does_not_last_where_nobody_could_continue(self):
        with self.start("--", "/bin/sleep", "100") as initd:
            command = wait_until("the command runs", lambda: children_of(initd.pid))[0]
            wait_until("it has become sleep", lambda: read(f"/proc/{command}/comm") == "sleep\n")
            initd.send(signal.SIGTSTP)
            initd.send(signal.SIGTERM)  # would stay pending in a stopped process
            self.assertEqual(initd.wait(), 143)

    def test_unknown_words_are_still_no_command(self):
        code, _, errors = self.run_it("single")
        self.assertEqual(code, 2)
        self.assertIn("unknown argument or missing value: single", errors)


class AsSubreaperTest(Everywhere, unittest.TestCase):
    def test_orphans_become_its_children(self):
        with self.start("--", "/bin/sh", "-c", f"{WITNESS} daemon 15 exit 0; exec sleep 100") as initd:
            initd.expect("ready")
            wait_until("the orphan was adopted", lambda: len(children_of(initd.pid)) == 2)

    def test_descriptors_are_handed_on_and_initd_keeps_none(self):
        reading, writing = os.pipe()
        os.set_inheritable(writing, True)
        script = f"echo through >&{writing}; exec {writing}>&-; exec {WITNESS} signals 15"
        with self.start("--", "/bin/sh", "-c", script, pass_fds=(writing,)) as initd:
            os.close(writing)
            initd.expect("ready")
            self.assertEqual(os.read(reading, 100), b"through\n")
            self.assertEqual(os.read(reading, 100), b"")  # nobody holds the other end
            fds = {os.readlink(f"/proc/{initd.pid}/fd/{fd}").split(":[")[0] for fd in os.listdir(f"/proc/{initd.pid}/fd")}
            self.assertLessEqual(fds, {"/dev/null", "pipe", "anon_inode", "anon_inode:[signalfd]", "pidfd"})
        os.close(reading)

    def test_gets_a_signal_when_its_parent_ends(self):
        command = f"{INITD} --parent-death USR1 -- {WITNESS} signals 10 & read line"
        shell = subprocess.Popen(["/bin/sh", "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        with shell:
            self.assertEqual(shell.stdout.readline(), b"ready\n")
            shell.kill()
            self.assertEqual(shell.stdout.readline(), b"got 10\n")

    @unittest.skipUnless(shutil.which("strace"), "needs strace, to make the start slow")
    def test_a_parent_that_ends_while_initd_starts_is_noticed(self):
        command = f"{INITD} --verbose --parent-death USR1 -- sleep 100 & echo $!; read line"
        slowly = ["strace", "-f", "-o", "/dev/null", "-e", "trace=prctl", "-e", "inject=prctl:delay_enter=300000"]
        with subprocess.Popen([*slowly, "/bin/sh", "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as shell:  # fmt: skip
            initd = int(shell.stdout.readline())
            wait_until("it blocks signals", lambda: "SigBlk:\tfffffff" in read(f"/proc/{initd}/status"))
            os.kill(parent_of(initd), signal.SIGKILL)
            self.assertIn(b"signal 10 is passed on as 10\n", shell.stderr.read())

    def test_a_killed_parent_takes_the_command_along(self):
        command = f"{INITD} --parent-death KILL -- {WITNESS} signals 0 & read line"
        shell = subprocess.Popen(["/bin/sh", "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        with shell:
            self.assertEqual(shell.stdout.readline(), b"ready\n")
            shell.kill()
            self.assertEqual(shell.stdout.readline(), b"")

    def test_serves_as_an_interpreter(self):
        with tempfile.TemporaryDirectory() as place:
            script = write_script(place, "script", f"#!/usr/bin/env -S {INITD} -- /bin/sh\necho $1; exit 4\n")
            done = subprocess.run([script, "word"], capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (4, b"word\n"))

    def test_its_own_parent_is_never_signalled(self):
        with self.start("--wait-all", "--", WITNESS, "daemon", "15", "exit", "0") as initd:
            initd.expect("ready", "got 15")
            self.assertEqual(initd.wait(), 0)
        self.assertTrue(alive(os.getpid()) and parent_of(os.getpid()) > 0)

    def test_runs_inside_itself(self):
        self.assert_ends(5, "--", INITD, "--", INITD, "--", WITNESS, "exit", "5")

    def test_help_tells_of_it(self):
        code, output, _ = run("--help")
        self.assertEqual(code, 0)
        self.assertIn("initd [OPTION]... -- COMMAND", output)
        self.assertIn("--wait-all[=TIME] ", output)

    def test_knows_its_version(self):
        code, output, _ = run("--version")
        self.assertEqual(code, 0)
        self.assertRegex(output, r"^initd \d+\.\d+\.\d+\n$")


if __name__ == "__main__":
    unittest.main()
