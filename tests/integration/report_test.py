"""initctl report and initd-replay: what happened is recorded over crashes, and comes again when it is replayed."""

import json
import os
import pathlib
import signal
import subprocess
import tempfile
import unittest

from machine import PROGRAMS, Machine, wait_until

SERVICE = '[service]\ncommand = ["sleep", "1d"]\n'
CRASHING = '[service]\ncommand = ["/bin/sh", "-c", "exit 3"]\nrestart = "always"\nrestart-delay = "5ms"\nrestart-delay-max = "20ms"\n'


def lines(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def replay(*words):
    return subprocess.run([PROGRAMS / "initd-replay", *words], capture_output=True, text=True, timeout=60)


class ReportTest(unittest.TestCase):
    def report(self, machine, folder, name):
        path = pathlib.Path(folder) / name
        path.write_text(machine.initctl("report", "--system", "--json").stdout)
        return path

    def test_a_report_of_a_unit_is_one_file_with_all_of_it(self):
        with Machine({"a.service": '[service]\ncommand = ["/bin/sh", "-c", "echo words; exit 3"]\nrestart = "no"\n', "b.service": SERVICE}) as machine:
            machine.initctl("start", "a", "b", check=False)
            machine.wait_for_state("a", "failed")  # it is up once it is executed: the start may be over before the exit
            wait_until("its words are stored", lambda: machine.log("a.service") == "words\n")
            with tempfile.TemporaryDirectory() as folder:
                done = subprocess.run(machine.command("report", "a"), cwd=folder, capture_output=True, text=True, check=True, timeout=30)
                (path,) = pathlib.Path(folder).iterdir()
                self.assertEqual(done.stdout, f"{path.name}\n")
                self.assertEqual(path.stat().st_mode & 0o777, 0o600)
                found = {key: value for line in path.read_text().splitlines() for key, value in json.loads(line).items()}
            self.assertEqual(found["unit"]["exit"]["code"], 3)
            self.assertIn("words", " ".join(found["unit"]["log_tail"]))
            self.assertIn("echo words", found["files"]["files"][0]["text"])
            self.assertEqual({entry.get("unit", "") for entry in found["history"]["entries"]}, {"a.service"})
            texts = [entry["text"] for entry in found["history"]["entries"]]
            for part in ("requested: start by uid 0", "-> spawn main, attempt 1, step 0", "exited, attempt 1: code 3", "-> active becomes failed"):
                self.assertTrue(any(text.startswith(part) for text in texts), (part, texts))
            self.assertEqual(machine.initctl("report", check=False).returncode, 2)

    def test_what_happened_before_a_crash_is_still_known_after_it(self):
        with Machine({"a.service": SERVICE}) as machine:
            machine.initctl("start", "a")
            os.kill(machine.pid, signal.SIGUSR2)
            os.kill(before := machine.manager(), signal.SIGKILL)
            wait_until("the next one lives", lambda: machine.manager() not in (0, before))
            (history,) = [line["history"] for line in lines(machine.initctl("report", "--system", "--json")) if "history" in line]
            texts = [entry["text"] for entry in history["entries"]]
            self.assertIn("manager number 1 starts", texts)
            self.assertIn("manager number 2 starts", texts)
            self.assertTrue(any(text.startswith("requested: start by uid 0") for text in texts))
            self.assertIn(f"initd is sent signal {int(signal.SIGUSR2)} by pid 0, uid 0", texts)
            self.assertIn("request Start by uid 0", texts)

    def test_a_history_replayed_gives_the_same_actions(self):
        units = {"a.service": SERVICE, "b.service": '[unit]\nrequires = ["a.service"]\nafter = ["a.service"]\n' + SERVICE, "crashing.service": CRASHING}
        with Machine(units) as machine, tempfile.TemporaryDirectory() as folder:
            machine.initctl("start", *units)
            for _ in range(5):
                machine.initctl("restart", "a")
            machine.initctl("stop", "b")
            first = replay(self.report(machine, folder, "first"))
            self.assertEqual((first.returncode, first.stderr), (0, ""), first.stdout)
            self.assertRegex(first.stdout, r"^\d{2,} events give the same actions again\n$")
            os.kill(before := machine.manager(), signal.SIGKILL)
            wait_until("the next one lives", lambda: machine.manager() not in (0, before))
            machine.initctl("start", "b")
            machine.initctl("stop", "crashing")
            path = self.report(machine, folder, "second")
            second = replay(path)
            self.assertEqual(second.returncode, 0, second.stdout + second.stderr)
            self.assertIn("b.service -> inactive becomes activating", replay(path, "--trace").stdout)

            # An event that did not happen so: the engine does something else, and that is seen.
            damaged = self.damage(path)
            self.assertEqual(replay(damaged).returncode, 1)
            machine.initctl("daemon-reload")
            reloaded = replay(self.report(machine, folder, "third"))
            self.assertEqual((reloaded.returncode, reloaded.stdout), (2, ""))
            self.assertIn("reload", reloaded.stderr)
            (pathlib.Path(folder) / "nonsense").write_text("nonsense")
            self.assertEqual(replay(pathlib.Path(folder) / "nonsense").returncode, 2)

    def damage(self, path):
        """Takes the last start request out of the record."""
        report = [json.loads(line) for line in path.read_text().splitlines()]
        (history,) = [line["history"] for line in report if "history" in line]
        size = 128  # hexadecimal digits of an entry
        entries = [history["raw_entries"][i : i + size] for i in range(0, len(history["raw_entries"]), size)]
        # kind at byte 30 (3: an event), index at bytes 28 and 29 (0: Requested)
        requests = [i for i, entry in enumerate(entries) if entry[60:62] == "03" and entry[56:60] == "0000"]
        del entries[requests[-1]]
        history["raw_entries"] = "".join(entries)
        damaged = path.with_name("damaged")
        damaged.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in report))
        return damaged


if __name__ == "__main__":
    unittest.main()
