"""`initd -- command` in containers whose image holds initd, one static program and nothing else: bundles under runc and
crun, and an image under podman. Read-only root, a plain user, no capability, no /etc.

Skips, by name, what this machine lacks: a runtime, or what the runtime needs of the kernel.
"""

import functools
import itertools
import json
import os
import pathlib
import shutil
import subprocess
import tarfile
import tempfile
import unittest

from machine import DEADLINE, wait_until
from one_command import INITD, WITNESS, OneCommand

# A cgroup2 of their own at the usual place, which a machine with version 1 beside it does not have.
PURE = ["unshare", "--mount", "--propagation=private", "/bin/sh", "-c",
        'umount -R -l /sys/fs/cgroup; mount -t cgroup2 -o nsdelegate cgroup2 /sys/fs/cgroup && exec "$@"', "sh"]  # fmt: skip

NAMES = (f"initd-test-{os.getpid()}-{number}" for number in itertools.count())


def make_root(place):
    root = pathlib.Path(place, "rootfs")
    root.mkdir()
    for program in (INITD, WITNESS):
        shutil.copy(program, root / program.name)
        subprocess.run(["strip", root / program.name], check=True)
    for directory in ("proc", "dev", "sys"):
        (root / directory).mkdir()
    return root


def quiet(*command):
    return subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=DEADLINE)  # fmt: skip


class Cases:
    """What holds in every container. start(*words) gives a OneCommand, which runs the container in the foreground."""

    def test_ends_with_the_code_of_the_command(self):
        for words, code in ((("exit", "0"), 0), (("exit", "77"), 77), (("die", "9"), 137), (("die", "15"), 143)):
            with self.start("--", "/witness", *words) as initd:
                self.assertEqual(initd.wait(), code, initd.errors())

    def test_says_what_is_wrong(self):
        for words, code in ((("--", "/none"), 127), (("--", "none"), 127), (("--",), 2), (("--grup", "--", "x"), 2)):
            with self.start(*words) as initd:
                self.assertEqual(initd.wait(), code, initd.errors())

    def test_each_signal_arrives_once(self):
        # `runc run` passes on the URG that its own run-time library sends itself.
        with self.start("--signal", "URG=", "--", "/witness", "signals", "15") as initd:
            initd.expect("ready")
            for name, number in (("HUP", 1), ("INT", 2), ("QUIT", 3), ("USR1", 10), ("USR2", 12), ("WINCH", 28)):
                self.kill(name)
                initd.expect(f"got {number}")
            self.kill("TERM")
            initd.expect("got 15", "")
            self.assertEqual(initd.wait(), 0)

    def test_orphans_are_reaped(self):
        with self.start("--", "/witness", "orphans", "500") as initd:
            initd.expect("gone", "")
            self.assertEqual(initd.wait(), 0)

    def test_is_pid_1_of_a_plain_user(self):
        with self.start("--", "/witness", "self") as initd:
            words = initd.line().split()
            self.assertEqual(initd.wait(), 0, initd.errors())
        self.assertEqual(words[words.index("parent") + 1], "1")
        self.assertEqual(words[words.index("uid") + 1], "1000")
        self.assertEqual(words[words.index("fds"):], ["fds", "0", "1", "2"])

    def test_nothing_outlives_wait_all(self):
        with self.start("--wait-all", "--", "/witness", "daemon", "15", "exit", "5") as initd:
            initd.expect("ready", "got 15", "")
            self.assertEqual(initd.wait(), 5)


class BundleCases(Cases):
    runtime = None

    @classmethod
    def setUpClass(cls):
        if not shutil.which(cls.runtime):
            raise unittest.SkipTest(f"{cls.runtime} is not installed")
        cls.place = tempfile.mkdtemp(prefix="initd-container-")
        cls.addClassCleanup(shutil.rmtree, cls.place)
        os.chmod(cls.place, 0o755)
        make_root(cls.place)
        subprocess.run([cls.runtime, "spec"], cwd=cls.place, check=True)
        with cls(methodName="test_is_pid_1_of_a_plain_user").start("--", "/witness", "exit", "0") as initd:
            if initd.wait() != 0:
                raise unittest.SkipTest(f"{cls.runtime} cannot run a container here: {initd.errors().strip()[-200:]}")

    def start(self, *words):
        bundle = pathlib.Path(self.place)
        config = json.loads((bundle / "config.json").read_text())
        config["process"].update(terminal=False, args=["/initd", *words], user={"uid": 1000, "gid": 1000}, capabilities={},
                                 rlimits=[])  # fmt: skip
        config["root"] = {"path": "rootfs", "readonly": True}
        config["linux"].pop("resources", None)
        if {"type": "cgroup"} not in config["linux"]["namespaces"]:
            config["linux"]["namespaces"].append({"type": "cgroup"})
        (bundle / "config.json").write_text(json.dumps(config))
        self.name = next(NAMES)
        self.addCleanup(self.control, "delete", "--force", self.name)
        return OneCommand("--root", f"{self.place}/state", "run", self.name, program=self.runtime, prefix=PURE, cwd=self.place)

    def control(self, *words):
        return quiet(*PURE, self.runtime, "--root", f"{self.place}/state", *words)

    def kill(self, name):
        done = self.control("kill", self.name, name)
        self.assertEqual(done.returncode, 0, done.stderr)


class RuncTest(BundleCases, unittest.TestCase):
    runtime = "runc"


class CrunTest(BundleCases, unittest.TestCase):
    runtime = "crun"


class PodmanTest(Cases, unittest.TestCase):
    """An image that podman has imported, under runc."""

    image = "localhost/initd:test"
    # Limits that need no CAP_SYS_RESOURCE; no controller is asked for.
    run_options = ["--rm", "--network=none", "--read-only", "--read-only-tmpfs=false", "--cap-drop=all", "--pids-limit=0",
                   "--ulimit=nofile=1024:1024", "--ulimit=nproc=4096:4096", "--user=1000:1000"]  # fmt: skip

    @classmethod
    def setUpClass(cls):
        for program in ("podman", "runc"):
            if not shutil.which(program):
                raise unittest.SkipTest(f"{program} is not installed")
        cls.place = tempfile.mkdtemp(prefix="initd-podman-")
        cls.addClassCleanup(cls.remove)
        archive = pathlib.Path(cls.place, "root.tar")
        with tarfile.open(archive, "w") as tar:
            tar.add(make_root(cls.place), arcname=".")
        done = quiet(*cls.podman(), "import", "-q", "--change", 'ENTRYPOINT ["/initd"]', archive, cls.image)
        if done.returncode == 0:
            done = quiet(*cls.podman(), "run", *cls.run_options, cls.image, "--", "/witness", "exit", "0")
        if done.returncode != 0:
            raise unittest.SkipTest(f"podman cannot run a container here: {done.stderr.strip()[-300:]}")

    @classmethod
    def podman(cls):
        return [*PURE, "podman", "--root", f"{cls.place}/storage", "--runroot", f"{cls.place}/run", "--tmpdir",
                f"{cls.place}/tmp", "--storage-driver=overlay", "--cgroup-manager=cgroupfs", "--runtime=runc",
                "--events-backend=none", "--log-level=error"]  # fmt: skip

    @classmethod
    def remove(cls):
        quiet("umount", f"{cls.place}/storage/overlay")
        shutil.rmtree(cls.place, ignore_errors=True)

    def start(self, *words, options=()):
        self.name = next(NAMES)
        self.addCleanup(quiet, *self.podman(), "rm", "--force", "--ignore", "--time=0", self.name)
        command = [*self.podman()[len(PURE) + 1:], "run", "--name", self.name, *self.run_options, *options, self.image, *words]
        return OneCommand(*command, program="podman", prefix=PURE)

    def kill(self, name):
        done = quiet(*self.podman(), "kill", "--signal", name, self.name)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_stop_sends_term_and_the_code_comes_back(self):
        with self.start("--exit-code=143=0", "--", "/witness", "signals", "15") as initd:
            initd.expect("ready")
            done = quiet(*self.podman(), "stop", "--time", "10", self.name)
            self.assertEqual(done.returncode, 0, done.stderr)
            initd.expect("got 15")
            self.assertEqual(initd.wait(), 0)

    def test_stands_in_for_the_init_of_the_engine(self):
        """podman run --init, docker run --init: they start `PROGRAM -- COMMAND`."""
        options = ["--init", f"--init-path={self.place}/rootfs/initd", "--entrypoint=[]"]
        with self.start("/witness", "self", options=options) as initd:
            words = initd.line().split()
            self.assertEqual(words[words.index("parent") + 1], "1")
            self.assertEqual(initd.wait(), 0, initd.errors())


class ImageTest(unittest.TestCase):
    @functools.cached_property
    def size(self):
        with tempfile.TemporaryDirectory() as place:
            return (make_root(place) / "initd").stat().st_size

    def test_is_one_static_file_below_a_mebibyte(self):
        self.assertLess(self.size, 1 << 20)
        kind = quiet("readelf", "-d", INITD)
        self.assertIn("no dynamic section", kind.stdout)


if __name__ == "__main__":
    unittest.main()
