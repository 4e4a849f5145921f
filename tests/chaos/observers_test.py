#!/usr/bin/env python3
"""The observers themselves: each is shown ledgers in which one thing is wrong, and has to say it."""

import os
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

import observers  # noqa: E402
from machine import read, wait_until  # noqa: E402
from load import CHAINED, IDLE, LOOPING, TOGGLED, WRITING, Entry, numbered_line  # noqa: E402
from observers import Watch  # noqa: E402

# Two runs of a service that goes round, the second of which still lives.
GOOD = ["start 5 A 1", "exit 5 A 2 exited 1", "record 6 A 2 exited 1", "start 7 B 3"]


def ledger(*lines):
    entries = []
    for line in lines:
        word, pid, invocation, time_, *value = line.split()
        entries.append(Entry(word, int(pid), invocation, float(time_), " ".join(value)))
    return entries


class Books:
    """A Load with one unit of each kind, and ledgers as given."""

    def __init__(self, **ledgers):
        self.of_kind = {kind: [kind] for kind in (IDLE, WRITING, LOOPING, TOGGLED)} | {CHAINED: ["head", "tail"], "crashing": []}
        self.kind_of = {unit: kind for kind, units in self.of_kind.items() for unit in units}
        self.ledgers = {
            IDLE: ledger("start 2 I 1"),
            WRITING: ledger("start 3 W 1", "lines 3 W 9 2", "exit 3 W 9 exited 0", "record 4 W 9 exited 0"),
            LOOPING: ledger(*GOOD),
            TOGGLED: ledger("start 8 T 1"),
            "head": ledger("start 20 H 1", "ready 20 H 2", "exit 20 H 6 exited 0", "record 23 H 6 exited 0"),
            "tail": ledger("start 21 U 3", "ready 21 U 4", "exit 21 U 5 exited 0", "record 22 U 5 exited 0"),
        } | ledgers

    def ledger(self, unit):
        return self.ledgers[unit]

    def needed_by(self, unit):
        return "head" if unit == "tail" else None

    def check(self, lines=(numbered_line(1), numbered_line(2))):
        return list(observers.check_ledgers(self, lambda unit: list(lines)))


class LedgerTest(unittest.TestCase):
    def wrong(self, what, unit, *lines):
        said = Books(**{unit: ledger(*lines)}).check()
        self.assertTrue(said and all(word.startswith(f"{what} {unit}") for word in said), said)

    def test_nothing_is_wrong_with_good_books(self):
        self.assertEqual(Books().check(), [])
        self.assertEqual(Books(looping=ledger(*GOOD[:3], "record 9 C 4 killed TERM")).check(), [])

    def test_I1_a_second_start_of_what_nobody_touches(self):
        self.wrong("I1", IDLE, "start 2 I 1", "exit 2 I 2 exited 0", "record 3 I 2 exited 0", "start 4 J 3")

    def test_I3_an_end_that_is_not_recorded_or_twice_or_wrongly(self):
        self.wrong("I3", LOOPING, GOOD[0], GOOD[1], GOOD[3])
        self.wrong("I3", LOOPING, *GOOD[:3], GOOD[2], GOOD[3])
        self.wrong("I3", LOOPING, GOOD[0], GOOD[1], "record 6 A 2 exited 2", GOOD[3])
        self.wrong("I3", LOOPING, GOOD[0], GOOD[1], "record 6 A 2 killed TERM", GOOD[3])
        self.wrong("I3", LOOPING, GOOD[0], "record 6 A 2 exited 1", GOOD[3])

    def test_I3_an_end_that_the_sequence_lacks(self):
        self.wrong("I3", LOOPING, *GOOD, "exit 7 B 4 exited 3", "record 8 B 4 exited 3")

    def test_I3_a_want_excuses_only_what_ended_in_it(self):
        gone = ledger(GOOD[0], GOOD[1], GOOD[3])
        self.assertEqual(list(observers.check_exits("a", gone, [(1.5, 2.5)])), [])
        for want in ((0, 1.5), (3.5, 4)):
            self.assertNotEqual(list(observers.check_exits("a", gone, [want])), [])
        wants = [(9, 10), (1.5, 2.5), (0, 0.5), (0.1, 0.2)]
        self.assertEqual(list(observers.check_exits("a", gone, wants)), [])
        self.assertNotEqual(list(observers.check_exits("a", gone, wants[:1] + wants[2:])), [])

    def test_I4_two_at_a_time_and_one_run_started_twice(self):
        self.wrong("I4", LOOPING, *GOOD, "contended 7 B 3")
        self.wrong("I4", LOOPING, *GOOD, "start 9 B 4")

    def test_I5_a_line_that_is_missing_torn_or_doubled(self):
        one, two = numbered_line(1), numbered_line(2)
        self.assertEqual(Books().check([one, two]), [])
        for lines in ([one], [two], [one, two, two], [one, one, two], [one[:-1], two], [two, one]):
            self.assertRegex("".join(Books().check(lines)), "^I5 writing")

    def test_I7_a_start_before_what_it_requires_and_an_end_after_it(self):
        self.wrong("I7", "tail", "start 21 U 1.5")
        self.wrong("I7", "tail", "start 21 U 3", "ready 21 U 4", "exit 21 U 7 exited 0", "record 22 U 7 exited 0")
        self.wrong("I7", "tail", "start 21 U 7", "exit 21 U 8 exited 0", "record 22 U 8 exited 0")

    def test_I9_a_process_in_another_control_group_and_a_signal_to_a_stranger(self):
        self.wrong("I9", LOOPING, *GOOD, "astray 7 B 3")
        self.assertEqual(list(observers.check_canary(ledger("ready 1 - 1"))), [])
        self.assertTrue(list(observers.check_canary(ledger("ready 1 - 1", "signal 1 - 2 15 1"))))


class CallersTest(unittest.TestCase):
    class Told:
        def __init__(self, state, restarts=0):
            self.state, self.restarts = state, restarts

        def status(self, unit):
            return {"state": self.state, "restarts": self.restarts}

    class Asked:
        def __init__(self, starts, up, wrong=()):
            self.units, self.starts, self.up, self.wrong = [TOGGLED], {TOGGLED: starts}, {TOGGLED: up}, list(wrong)

    def check(self, asked, state):
        return "".join(observers.check_callers(Books(), self.Told(state), [asked]))

    def test_I13_I14_answers_and_what_they_brought(self):
        self.assertEqual(self.check(self.Asked(0, True), "active"), "")
        self.assertRegex(self.check(self.Asked(0, True, ["no answer"]), "active"), "^I14 no answer")
        self.assertRegex(self.check(self.Asked(1, True), "active"), "^I14 toggled: 1 starts were answered, 0 happened")
        self.assertRegex(self.check(self.Asked(0, False), "active"), "^I13")
        self.assertRegex(self.check(self.Asked(0, True), "failed"), "^I13")

    def test_I4_a_count_of_restarts_that_is_not_the_ledgers(self):
        self.assertEqual(list(observers.check_restart_counts(Books(), self.Told("active", 1))), [])
        self.assertRegex("".join(observers.check_restart_counts(Books(), self.Told("active", 2))), "^I4")


class WatchTest(unittest.TestCase):
    """On real processes: this test is the parent of a zombie, and of a service that is replaced."""

    def test_I1_I2(self):
        child = subprocess.Popen(["sleep", "1000"])
        watch = Watch(os.getpid(), {"a.service": child.pid}, oldest=0)
        watch.begin()
        watch.look()
        self.assertEqual(watch.found()["wrong"], [])
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        watch.look()
        watch.look()
        self.assertRegex(watch.found()["wrong"][0], "^I1 a.service")
        self.assertRegex(watch.found()["wrong"][1], "^I2 a zombie")
        child.wait()

    def test_I10_waiting_for_what_is_not_the_loops(self):
        for wait, wrong in (("select.epoll().poll()", 0), ("os.read(0, 1)", 1)):
            with subprocess.Popen([sys.executable, "-c", f"import os, select; print(flush=True); {wait}"], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE) as child:  # fmt: skip
                child.stdout.readline()
                wait_until("it waits", lambda child=child: read(f"/proc/{child.pid}/syscall").split()[:1] not in ([], ["running"]))
                watch = Watch(child.pid, {}, oldest=0)
                watch.begin()
                wait_until("it stands still", lambda watch=watch: watch.look() or not wrong or watch.wrong)
                watch.look()
                self.assertEqual(len(watch.found()["wrong"]), wrong)
                child.kill()


if __name__ == "__main__":
    unittest.main()
