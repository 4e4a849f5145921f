"""tools/namespace: what a command finds inside, and that nothing of it is left outside."""

import os
import pathlib
import signal
import subprocess
import tempfile
import unittest

from machine import NOBODY, ROOT, alive, control_groups, read, try_rmdir, wait_until

AS_NOBODY = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


def run(script, *options, identity=()):
    command = [*identity, ROOT / "tools/namespace", *options, "--", "/bin/sh", "-c", script]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)


class NamespaceTest(unittest.TestCase):
    def assert_says(self, script, text, *options, identity=()):
        done = run(script, *options, identity=identity)
        self.assertEqual((done.stdout.strip(), done.returncode), (text, 0), done.stderr)

    def test_the_command_is_pid_1_and_its_exit_code_comes_back(self):
        self.assert_says("echo $$", "1")
        self.assertEqual(run("exit 7").returncode, 7)

    def test_run_and_log_are_empty_and_can_be_written(self):
        self.assert_says("touch /run/a /var/log/a && ls /var/log", "a")
        self.assertFalse(os.path.exists("/var/log/a"))

    def test_a_covered_directory_keeps_its_owner_and_mode(self):
        with tempfile.TemporaryDirectory() as place:
            os.chmod(place, 0o750)
            os.chown(place, 1, 2)
            pathlib.Path(place, "file").touch()
            self.assert_says(f"stat -c '%a %u %g' {place}; ls {place}", "750 1 2", "--tmpfs", place)

    def test_a_hidden_file_is_empty(self):
        self.assert_says("wc -c </etc/passwd", "0", "--hide", "/etc/passwd")

    def test_loopback_is_up_and_there_is_no_other_link(self):
        self.assert_says("ip -o link | cut -d: -f2; ip -o -4 addr show lo | grep -c 127.0.0.1/8", "lo\n1")

    def test_it_has_a_cgroup_of_its_own_or_none(self):
        self.assert_says("cat /proc/self/cgroup | grep ^0:; mkdir /sys/fs/cgroup/a && echo made", "0::/\nmade")
        self.assert_says("ls /sys/fs/cgroup", "", "--no-cgroup")

    def test_nothing_stays_on_the_host(self):
        def host():
            return control_groups(), len(read("/proc/self/mountinfo").splitlines()), os.uname().nodename

        before = host()
        run("sleep 1000 & mkdir -p /sys/fs/cgroup/a/b; setsid sleep 1000 & exit 0")
        self.assertEqual(host(), before)

    def check_ends_with_its_parent(self, end, prefix=()):
        """end: what is done to the shell that started it."""
        with tempfile.TemporaryDirectory() as place:
            pid_file = pathlib.Path(place, "pid")
            command = [*prefix, ROOT / "tools/namespace", "--pid-file", pid_file, "--", "/bin/sleep", "1000"]
            shell = subprocess.Popen(["/bin/sh", "-c", '"$@"; :', "sh", *command], stdin=subprocess.DEVNULL)
            inner = int(wait_until("it runs", lambda: read(pid_file).strip()))
            end(shell)
            shell.wait()
            wait_until("the namespace has ended", lambda: not alive(inner))
        return shell

    def test_it_ends_with_the_test_that_is_killed(self):
        groups = control_groups()
        self.check_ends_with_its_parent(lambda shell: shell.kill(), ["setpriv", "--pdeathsig", "TERM"])
        wait_until("no group is left", lambda: control_groups() == groups)

    def test_it_ends_when_the_script_itself_is_killed(self):
        def kill_script(shell):
            script = int(read(f"/proc/{shell.pid}/task/{shell.pid}/children"))
            group = control_groups(f"initd-{script}")
            self.addCleanup(lambda: [wait_until(f"{path} is gone", lambda path=path: try_rmdir(path)) for path in group])
            os.kill(script, signal.SIGKILL)

        self.check_ends_with_its_parent(kill_script)

    def test_a_plain_user_is_root_inside(self):
        self.assert_says("id -u; touch /run/a && echo wrote", "0\nwrote", identity=AS_NOBODY)


if __name__ == "__main__":
    unittest.main()
