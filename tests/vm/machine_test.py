"""What PID 1 does only where it is that of a machine: TERM executes it anew, and at the end nothing stays mounted.

    machine_test.py PROGRAMS CACHE      as smoke_test.py
"""

import pathlib
import subprocess

import tiny


class MachineTest(tiny.TinyMachine):
    def test_sigterm_executes_pid_1_anew_and_nobody_notices(self):
        with self.boot() as machine:
            shell, manager = self.ask(machine, "echo $$"), self.ask(machine, "pidof initd-manager")
            self.assertNotIn("--resume", self.ask(machine, "cat /proc/1/cmdline"))
            self.ask(machine, "kill -TERM 1")
            self.ask(machine, "until grep -q -e --resume /proc/1/cmdline; do :; done")
            self.assertEqual(self.ask(machine, "echo $$"), shell)
            self.assertEqual(self.ask(machine, "pidof initd-manager"), manager)
            self.check_status(machine)
            self.check_death_of_manager(machine)
            machine.send("exit 3")  # its end is seen by the new self
            machine.expect("built-in shell")
            machine.expect(tiny.PROMPT)
            self.assertRegex(self.ask(machine, "initctl status console-shell"), r"\b[Rr]estart")
            self.assertNotEqual(self.ask(machine, "echo $$"), shell)
            self.check_poweroff(machine)

    def test_poweroff_unmounts_what_is_mounted_and_what_is_below_it(self):
        disk = self.make_disk()
        with self.boot(disk) as machine:
            self.ask(machine, "mount -t ext4 /dev/nvme0n1 /mnt && mkdir /mnt/below")
            self.ask(machine, "mount -t tmpfs below /mnt/below && echo kept >/mnt/file")
            self.assertIn("needs_recovery", self.superblock(disk))  # as it is while mounted
            self.check_poweroff(machine)
        self.assertNotIn("needs_recovery", self.superblock(disk))
        kept = subprocess.run(["/sbin/debugfs", "-R", "cat /file", disk], capture_output=True, text=True, check=True)
        self.assertEqual(kept.stdout, "kept\n")

    def make_disk(self):
        disk = pathlib.Path(self.cache, "disk.img")
        with open(disk, "wb") as file:
            file.truncate(16 << 20)
        subprocess.run(["/sbin/mkfs.ext4", "-q", disk], check=True)
        return disk

    def superblock(self, disk):
        return subprocess.run(["/sbin/dumpe2fs", "-h", disk], capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    tiny.main()
