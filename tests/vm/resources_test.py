"""[resources] where the kernel has all controllers: limits are in force, and a kill for want of memory is told as such.

    resources_test.py PROGRAMS CACHE      as smoke_test.py
"""

import json

import tiny

# A child that takes all the memory it can get, as soon as there is a file of the unit's name.
GREEDY = """[service]
command = ["/bin/sh", "-c", "(until test -e /tmp/{name}; do sleep 0.05; done; exec busybox tail /dev/zero) & exec sleep 1000"]
restart = "no"
[resources]
memory-max = "16M"
oom-policy = "{policy}"
"""


def unit(command, resources):
    return f'[service]\ncommand = ["/bin/sh", "-c", "{command}"]\nrestart = "no"\n[resources]\n{resources}\n'


class ResourcesTest(tiny.TinyMachine):
    more_units = {f"{policy}.service.toml": GREEDY.format(name=policy, policy=policy) for policy in ("stop", "kill", "continue")} | {
        "memory.service.toml": unit("exec busybox tail /dev/zero", 'memory-max = "16M"'),
        "tasks.service.toml": unit("(sleep 1000 & sleep 1000 & sleep 1000 & sleep 1000 &); exec sleep 1000", "tasks-max = 3"),
        "both.slice.toml": "[resources]\ntasks-max = 5\n",
        "first.service.toml": unit("(sleep 1000 & sleep 1000 & sleep 1000 &); exec sleep 1000", 'slice = "both"'),
        "second.service.toml": unit("(sleep 1000 & sleep 1000 & sleep 1000 &); exec sleep 1000", 'slice = "both"'),
        "cpu.service.toml": unit("while :; do :; done", 'cpu-quota = "10%"'),
    }

    def until(self, machine, condition):
        self.ask(machine, f"until {condition}; do sleep 0.1; done")

    def status(self, machine, name):
        _, text = machine.run(f"initctl --json status {name}")
        return json.loads(text)

    def in_group(self, machine, name, file):
        return self.ask(machine, f"cat /sys/fs/cgroup/system/{name}.service/{file}").strip()

    def fails_for_want_of_memory(self, machine, name):
        self.until(machine, f"initctl is-failed {name}")
        status = self.status(machine, name)
        self.assertIn("the kernel killed for want of memory", status["result"])
        self.assertEqual(status["processes"], [])
        return status

    def test_limits_are_in_force(self):
        with self.boot() as machine:
            self.ask(machine, "initctl start memory")
            self.assertIn("signal 9 (KILL)", self.fails_for_want_of_memory(machine, "memory")["result"])
            self.ask(machine, "initctl start cpu")
            self.assertEqual(self.in_group(machine, "cpu", "cpu.max"), "10000 100000")
            self.until(machine, "grep -q 'nr_throttled [1-9]' /sys/fs/cgroup/system/cpu.service/cpu.stat")
            self.ask(machine, "initctl stop cpu")
            self.ask(machine, "initctl start tasks")
            self.until(machine, "grep -q 'max [1-9]' /sys/fs/cgroup/system/tasks.service/pids.events")
            usage = self.status(machine, "tasks")["usage"]
            self.assertEqual(usage["tasks_limit"], 3)
            self.assertLessEqual(usage["tasks"], 3)
            self.check_poweroff(machine)

    def test_a_slice_limits_all_that_is_in_it_together(self):
        with self.boot() as machine:
            self.ask(machine, "initctl start first")
            self.until(machine, "test $(cat /sys/fs/cgroup/system/both.slice/pids.current) = 4")
            self.assertEqual(self.ask(machine, "cat /sys/fs/cgroup/system/both.slice/pids.max").strip(), "5")
            machine.run("initctl start --no-block second")
            self.until(machine, "initctl is-failed second")  # its shell finds no room for a child
            usage = self.status(machine, "both.slice")["usage"]
            self.assertEqual(usage["tasks_limit"], 5)
            self.assertLessEqual(usage["tasks"], 5)
            self.assertEqual(self.status(machine, "first")["slice"], "both.slice")
            self.check_poweroff(machine)

    def test_oom_policy_says_what_becomes_of_the_others(self):
        with self.boot() as machine:
            self.ask(machine, "initctl start stop kill continue")
            self.ask(machine, "echo >/tmp/kill; echo >/tmp/continue")
            self.fails_for_want_of_memory(machine, "kill")
            self.until(machine, "grep -q 'oom_kill 1' /sys/fs/cgroup/system/continue.service/memory.events")
            status = self.status(machine, "continue")
            self.assertEqual((status["state"], status["usage"]["oom_kills"], status["usage"]["memory_limit"]), ("active", 1, 16 << 20))
            self.check_death_of_manager(machine)  # the next one is told as well
            self.ask(machine, "echo >/tmp/stop")
            self.fails_for_want_of_memory(machine, "stop")
            self.assertEqual(self.status(machine, "continue")["state"], "active")
            self.check_poweroff(machine)


if __name__ == "__main__":
    tiny.main()
