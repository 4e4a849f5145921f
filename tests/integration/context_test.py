"""What a service's processes run in: the keys of its context, seen from its own /proc."""

import os
import pathlib
import shutil
import signal
import tempfile
import time
import unittest

from machine import NOBODY, Machine, wait_until

STATE = """command = ["/bin/sh", "-c", "cat /proc/self/status /proc/self/sched >$OUT/status; ionice >$OUT/ionice; chrt -p $$$$ >$OUT/chrt; cat >$OUT/stdin; env >$OUT/env; touch $OUT/done; exec sleep infinity"]
"""


def wait_for_nothing(happened, seconds):
    """Whether it has happened within a time in which it must not."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if happened():
            return True
        time.sleep(0.05)
    return False


def unit(place, service="", rest=""):
    return f'[service]\n{STATE}{service}[environment]\nOUT = "{place}"\n{rest}'


class ContextTest(unittest.TestCase):
    def run_unit(self, machine, service="", rest=""):
        """The lines of /proc/self/status of its process, and the other files that it wrote."""
        out = machine.place / "out"
        out.mkdir(mode=0o777, exist_ok=True)
        out.chmod(0o777)
        machine.write_unit("a.service", unit(out, service, rest))
        machine.initctl("daemon-reload")
        machine.initctl("start", "a")
        wait_until("it has told all", (out / "done").exists)
        status = dict(line.split(":\t", 1) for line in (out / "status").read_text().splitlines() if ":\t" in line)
        files = {name: (out / name).read_text() for name in ("ionice", "chrt", "stdin", "env")}
        return status, files

    def start(self):
        machine = Machine({})
        machine.__enter__()
        self.addCleanup(machine.__exit__, None, None, None)
        return machine

    def test_f52_another_user_has_no_capability_and_can_get_none(self):
        status, _ = self.run_unit(self.start(), 'user = "nobody"\n')
        self.assertEqual(status["NoNewPrivs"], "1")
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            self.assertEqual(int(status[name], 16), 0, name)

    def test_f52_who_holds_everybodys_secrets_leaves_no_core_and_cannot_be_looked_into(self):
        """The manager and the logger are not dumpable: their /proc is root's, whoever they run as."""
        machine = Machine({"a.service": '[service]\ncommand = ["/bin/sleep", "infinity"]\n'}, namespaces=False, as_user=NOBODY)
        machine.__enter__()
        self.addCleanup(machine.__exit__, None, None, None)
        machine.initctl("start", "a")
        owner = lambda pid: os.stat(f"/proc/{pid}/environ").st_uid  # noqa: E731
        self.assertEqual([owner(pid) for pid in (machine.manager(), machine.logger())], [0, 0])
        self.assertEqual(owner(machine.main_pid("a")), NOBODY)  # nothing of it is handed on

    def test_root_keeps_what_initd_has(self):
        status, _ = self.run_unit(self.start())
        own = dict(line.split(":\t", 1) for line in pathlib.Path("/proc/self/status").read_text().splitlines())
        self.assertEqual(status["NoNewPrivs"], "0")
        self.assertEqual(status["CapBnd"], own["CapBnd"])

    def test_capabilities_are_those_of_the_table(self):
        machine = self.start()
        status, _ = self.run_unit(machine, 'user = "nobody"\n', '[sandbox]\ncapabilities = ["NET_BIND_SERVICE", "KILL"]\n'
                                  'ambient-capabilities = ["NET_BIND_SERVICE"]\n')
        self.assertEqual(int(status["CapBnd"], 16), 1 << 10 | 1 << 5)
        for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            self.assertEqual(int(status[name], 16), 1 << 10, name)

    def test_scheduling_and_input_are_those_of_the_file(self):
        status, files = self.run_unit(self.start(), 'io-class = "best-effort"\nio-priority = 6\ncpu-policy = "batch"\ncpu-affinity = [0]\n'
                                      'stdin = "data:one\\ntwo\\n"\nnuma-policy = "local"\n')
        self.assertEqual(files["ionice"].strip(), "best-effort: prio 6")
        self.assertIn("SCHED_BATCH", files["chrt"])
        self.assertEqual(status["Cpus_allowed_list"], "0")
        self.assertEqual(files["stdin"], "one\ntwo\n")

    def test_output_files_get_mode_and_owner_and_are_no_links(self):
        script = "echo out; echo err >&2"
        text = ('[service]\ntype = "oneshot"\nuser = "nobody"\ncommand = ["/bin/sh", "-c", "%s"]\n'
                'stdout = {{ file = "{0}/out", mode = "0606", group = "adm" }}\n'
                'stderr = {{ truncate = "{0}/err", user = "daemon" }}\n' % script)  # fmt: skip
        machine = self.start()
        machine.write_unit("a.service", text.format(machine.place))
        machine.write_unit("b.service", text.format(machine.place / "way"))
        (machine.place / "way").symlink_to(machine.place)
        machine.initctl("daemon-reload")
        for _ in range(2):
            machine.initctl("start", "a")
        out, err = machine.place / "out", machine.place / "err"
        self.assertEqual((out.read_text(), err.read_text()), ("out\nout\n", "err\n"))
        self.assertEqual((oct(out.stat().st_mode), out.owner(), out.group()), ("0o100606", "nobody", "adm"))
        self.assertEqual((oct(err.stat().st_mode), err.owner(), err.group()), ("0o100640", "daemon", "daemon"))
        said = machine.initctl("start", "b", check=False).stderr
        self.assertRegex(said, rf"{machine.place}/way/out: Too many levels of symbolic links \(stdout, \S+/b\.service\.toml:5\)")

    def test_environment_files_over_each_other_and_unset_last(self):
        machine = self.start()
        (machine.place / "one").write_text("A='from one'\nB=one\n# C=comment\nD=joined \\\nline\n")
        (machine.place / "two").write_text('B="two"\nGONE=1\n')
        _, files = self.run_unit(machine, f'environment-files = ["{machine.place}/one", "-{machine.place}/missing", "{machine.place}/two"]\n'
                                 'unset-environment = ["GONE"]\n', 'A = "table"\nC = "table"\n')
        env = dict(line.split("=", 1) for line in files["env"].splitlines())
        self.assertEqual([env.get(name) for name in ("A", "B", "C", "D", "GONE")], ["from one", "two", "table", "joined line", None])

    def fails_with(self, service, rest, *words):
        machine = self.start()
        machine.write_unit("a.service", f'[service]\nrestart = "no"\ncommand = ["/bin/true"]\n{service}{rest}')
        machine.initctl("daemon-reload")
        machine.initctl("start", "a", check=False)
        machine.wait_for_state("a", "failed")
        result = machine.status("a")["result"]
        for word in words:
            self.assertIn(word, result)
        return machine

    def test_an_error_names_the_key_and_its_line(self):
        self.fails_with('user = "nosuchuser"\n', "", "a.service.toml:4: user: nosuchuser (no such user")

    def test_an_error_of_the_child_names_the_key_and_its_line(self):
        self.fails_with("cpu-affinity = [8191]\n", "", "step 'cpus'", "Invalid argument", "cpu-affinity, ", "a.service.toml:4)")

    def test_a_missing_environment_file_is_named(self):
        self.fails_with('environment-files = ["/nonexistent"]\n', "", "a.service.toml:4: environment-files: ", "/nonexistent", "No such file")

    def test_a_linked_directory_is_named(self):
        machine = self.start()
        machine.inside("ln", "-s", "/etc", "/run/linked")
        machine.write_unit("a.service", '[service]\nrestart = "no"\ncommand = ["/bin/true"]\n[directories]\nruntime = ["linked/x"]\n')
        machine.initctl("daemon-reload")
        machine.initctl("start", "a", check=False)
        machine.wait_for_state("a", "failed")
        self.assertIn("a.service.toml:5: runtime: ", machine.status("a")["result"])
        self.assertIn("/run/linked", machine.status("a")["result"])
        self.assertEqual(machine.inside("test", "-e", "/etc/x", check=False).returncode, 1)

    def test_a_limit_without_controller_is_told_and_the_service_runs(self):
        machine = self.start()
        machine.write_unit("a.service", '[service]\ncommand = ["/bin/sleep", "infinity"]\n[resources]\nmemory-max = "64M"\n')
        machine.initctl("daemon-reload")
        machine.initctl("start", "a")
        status = machine.status("a")
        self.assertEqual(status["state"], "active")
        if "memory_limit" not in status.get("usage", {}):
            self.assertIn("a.service.toml:4: memory-max is not in force: ", status["problems"][0])

    def test_credentials_come_with_the_start_and_go_with_the_stop(self):
        machine = self.start()
        (machine.place / "secret").write_text("s3cret")
        (machine.place / "secret").chmod(0o600)
        status, files = self.run_unit(machine, 'user = "nobody"\n', f'[credentials]\n"tls.key" = "{machine.place}/secret"\n')
        place = machine.runtime / "credentials/a.service"
        self.assertIn(f"CREDENTIALS_DIRECTORY={place}\n", files["env"])
        self.assertEqual((place / "tls.key").read_text(), "s3cret")
        self.assertEqual([oct(path.stat().st_mode & 0o7777) for path in (place, place / "tls.key")], ["0o500", "0o400"])
        self.assertEqual(place.stat().st_uid, NOBODY)
        machine.initctl("stop", "a")
        self.assertFalse(place.exists())

    def test_a_credential_that_is_not_there_is_named_and_nothing_runs(self):
        self.fails_with("", '[credentials]\nkey = "/nonexistent"\n', "a.service.toml:5: key: open: /nonexistent: No such file")

    def test_a_data_directory_that_is_anothers_is_refused(self):
        machine = self.start()
        machine.inside("sh", "-c", "mkdir -p /run/theirs && chown 1234 /run/theirs")
        machine.write_unit("a.service", '[service]\nrestart = "no"\ncommand = ["/bin/true"]\n[directories]\nruntime = ["theirs"]\n')
        machine.initctl("daemon-reload")
        machine.initctl("start", "a", check=False)
        machine.wait_for_state("a", "failed")
        self.assertIn("a.service.toml:5: runtime: directory belongs to another user: /run/theirs", machine.status("a")["result"])

    def test_two_units_with_one_terminal_have_it_one_after_the_other(self):
        machine = self.start()
        for name in "ab":
            machine.write_unit(f"{name}.service", '[service]\ncommand = ["/bin/sleep", "infinity"]\nstart-timeout = "2s"\nstdin = "tty"\nrestart = "no"\n'
                               f'[tty]\npath = "{self.pseudo_terminal(machine)}"\n')
        machine.initctl("daemon-reload")
        machine.initctl("start", "a")
        machine.initctl("start", "--no-block", "b")
        machine.wait_for_state("b", "activating")
        self.assertEqual(machine.main_pid("b"), 0)
        self.assertFalse(wait_for_nothing(lambda: machine.status("b")["state"] != "activating", 2.5))
        machine.initctl("stop", "a")
        machine.wait_for_state("b", "active")
        machine.initctl("start", "--no-block", "a")
        machine.wait_for_state("a", "activating")
        machine.initctl("stop", "a")
        machine.wait_for_state("a", "inactive")
        os.kill(machine.manager(), signal.SIGKILL)
        machine.initctl("start", "--no-block", "a")
        machine.wait_for_state("a", "activating")
        machine.initctl("stop", "b")
        machine.wait_for_state("a", "active")

    def test_ctrl_c_reaches_only_who_has_the_terminal(self):
        machine = self.start()
        plain = '[service]\ncommand = ["/bin/sleep", "infinity"]\nrestart = "no"\n'
        for name, text in {"a": 'stdin = "tty"\n', "b": 'stdin = "tty"\n', "c": ""}.items():
            terminal = f'[tty]\npath = "{self.pseudo_terminal(machine)}"\n' if text else ""
            machine.write_unit(f"{name}.service", plain + text + terminal)
        machine.initctl("daemon-reload")
        machine.initctl("start", "a", "c")
        machine.initctl("start", "--no-block", "b")
        machine.wait_for_state("b", "activating")
        other = machine.main_pid("c")
        os.write(self.terminal, b"\x03")
        machine.wait_for_state("a", "inactive")
        exit_of_a = machine.status("a")["exit"]
        self.assertEqual((exit_of_a["kind"], exit_of_a["code"]), ("signaled", signal.SIGINT))
        machine.wait_for_state("b", "active")  # its turn
        self.assertTrue(machine.main_pid("b"))
        self.assertEqual(machine.main_pid("c"), other)

    def pseudo_terminal(self, machine):
        if not hasattr(self, "terminal"):
            self.terminal, slave = os.openpty()
            self.addCleanup(os.close, self.terminal)
            self.path = os.ttyname(slave)
            os.close(slave)
        return self.path


FAKE_GETENT = """#!/bin/sh
echo "$@" >>{place}/asked
case "$1 $2" in
"passwd alice") echo "alice:x:4321:4322:Alice:/home/alice:/bin/zsh" ;;
"initgroups alice") echo "alice 77 78" ;;
"group pals") echo "pals:*:79:" ;;
"passwd slow") exec sleep infinity ;;
*) exit 2 ;;
esac
"""


class NameServiceTest(unittest.TestCase):
    """Users that are not in /etc/passwd; F55: whom a name service that hangs holds up."""

    def setUp(self):
        place = tempfile.mkdtemp(prefix="getent-")
        self.addCleanup(shutil.rmtree, place)
        self.place = pathlib.Path(place)
        self.place.chmod(0o755)
        (self.place / "getent").write_text(FAKE_GETENT.format(place=place))
        (self.place / "getent").chmod(0o755)
        before = os.environ["PATH"]
        os.environ["PATH"] = f"{place}:{before}"
        self.addCleanup(os.environ.__setitem__, "PATH", before)

    def test_getent_knows_the_account_and_its_groups(self):
        with Machine({"a.service": '[service]\ncommand = ["/bin/sleep", "infinity"]\nuser = "alice"\nextra-groups = ["pals"]\n'}) as machine:
            machine.initctl("start", "a")
            pid = machine.host_pid(machine.main_pid("a"))
            status = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
            self.assertEqual(status["Uid"].split()[0], "4321")
            self.assertEqual(status["Gid"].split()[0], "4322")
            self.assertEqual(status["Groups"].split(), ["77", "78", "79"])
            env = pathlib.Path(f"/proc/{pid}/environ").read_text().split("\0")
            self.assertIn("HOME=/home/alice", env)
            self.assertIn("SHELL=/bin/zsh", env)

    def test_nobody_asks_for_whom_the_files_know(self):
        with Machine({"a.service": '[service]\ncommand = ["/bin/true"]\nuser = "nobody"\n'}) as machine:
            machine.initctl("start", "a")
            self.assertFalse((self.place / "asked").exists())

    def test_f55_a_name_service_that_hangs_holds_up_only_who_asks(self):
        units = {"slow.service": '[service]\ncommand = ["/bin/true"]\nuser = "slow"\n', "quick.service": '[service]\ncommand = ["/bin/sleep", "infinity"]\n'}
        with Machine(units) as machine:
            machine.initctl("start", "--no-block", "slow")
            wait_until("it is asked for", (self.place / "asked").exists)
            machine.initctl("start", "quick", seconds=30)  # before any time-out
            self.assertEqual(machine.status("slow")["state"], "activating")
            machine.initctl("stop", "slow", seconds=30)
            self.assertEqual(machine.status("slow")["state"], "inactive")


if __name__ == "__main__":
    unittest.main()
