"""/dev/log: read by initd's logger as long as no syslog daemon does, and whose lines they are by the kernel's word."""

import json
import os
import signal
import subprocess
import threading
import unittest

from hooks_test import OWN_ETC
from machine import EXAMPLES, ROOT, Machine, read, wait_until

KILLS = int(os.environ.get("INITD_KILLS", "10"))

# By the C library's syslog(3), and it lives until it has been looked at.
TALK = """[service]
command = ["/usr/bin/python3", "-c", '''
import syslog, signal
syslog.openlog("talk", syslog.LOG_PID, syslog.LOG_DAEMON)
{}
signal.pause()''']
"""
# Numbered datagrams until the file is there, a thousand a second at most: they are to fit into one file. Each send waits for room.
COUNT = """
import itertools, os, socket, sys, time
to = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
to.connect("/dev/log")
for number in itertools.count():
    to.send(f"<13>count: {number}".encode())
    if os.path.exists(sys.argv[1]):
        break
    time.sleep(0.001)
to.send(b"<13>count: end")
"""
LISTEN = """
import os, socket
try: os.unlink("/dev/log")
except OSError: pass
at = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
at.bind("/dev/log")
print("listens", flush=True)
while True: print(at.recv(9999).decode(), flush=True)
"""
TRUE = '[service]\ntype = "oneshot"\ncommand = ["/bin/true"]\n'
FORWARD = '[service]\ncommand = ["/bin/sh", "-c", "while read line; do echo \\"$$line\\"; done"]\nstdin = "file:{}"\nstdout = "syslog"\nrestart = "no"\n'


def send(machine, text, *options):
    machine.inside("logger", *options, text)


def texts(machine, unit):
    """Without "<PRI>", as initctl shows them."""
    return machine.initctl("logs", "--raw", unit, check=False).stdout.splitlines()


class SyslogTest(unittest.TestCase):
    def test_a_units_own_go_to_its_log_and_all_others_to_syslog(self):
        with Machine({"a.service": TALK.format('syslog.syslog(syslog.LOG_ERR, "one\\ntwo")')}) as machine:
            machine.initctl("start", "a")
            invocation = read(f"/proc/{machine.host_pid(machine.main_pid('a'))}/environ").split("INVOCATION_ID=")[1][:32]
            wait_until("it is there", lambda: texts(machine, "a"))
            line = json.loads(machine.initctl("logs", "a", "--stream=syslog", "--json").stdout)
            pid = machine.main_pid("a")
            self.assertEqual((line["stream"], line["severity"], line["message"]), ("syslog", "err", f"talk[{pid}]: one\\x0atwo"))
            self.assertEqual(line["invocation"], invocation)
            send(machine, "hello", "-t", "admin", "-p", "user.warning")
            send(machine, "newer", "-t", "admin", "--rfc5424=notq")
            wait_until("both are there", lambda: len(texts(machine, "syslog")) == 2)
            said = [json.loads(text) for text in machine.initctl("logs", "syslog", "--json").stdout.splitlines()]
            self.assertEqual([(line["severity"], line["message"]) for line in said],
                             [("warning", "admin: hello"), ("notice", "admin: newer")])  # fmt: skip

    def test_who_sends_and_ends_at_once_is_known_where_the_kernel_remembers(self):
        lines = "".join(f"logger -t short line {i}; " for i in range(20))
        with Machine({"a.service": f'[service]\ntype = "oneshot"\nremain-after-exit = true\ncommand = ["/bin/sh", "-c", "{lines}"]\n'}) as machine:
            machine.initctl("start", "a")
            found = lambda: texts(machine, "a") + texts(machine, "syslog")  # noqa: E731
            wait_until("all are there", lambda: len(found()) == 20)
            self.assertEqual(sorted(found()), sorted(f"<13>short: line {i}" for i in range(20)))
            if tuple(map(int, os.uname().release.split(".")[:2])) >= (6, 16):
                self.assertEqual(texts(machine, "a"), [f"<13>short: line {i}" for i in range(20)])

    def test_what_is_too_long_is_cut_and_a_flood_is_bounded_by_the_units_limit(self):
        flood = TALK.format("for i in range(1000): syslog.syslog(str(i))") + '[log]\nrate-limit = { lines = 10, interval = "1h" }\noverflow = "block"\n'
        long = TALK.format("""
import socket
to = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
to.connect("/dev/log")
to.send(b"<13>long: " + 100000 * b"x")
to.send(bytes(range(256)))""")
        with Machine({"a.service": flood, "b.service": long}) as machine:
            machine.initctl("start", "a", "b")
            wait_until("all came", lambda: "990 lines above rate-limit dropped" in machine.initctl("status", "a").stdout)
            self.assertEqual([text.split()[-1] for text in texts(machine, "a")], [str(i) for i in range(10)])
            wait_until("both came", lambda: machine.log("b.service").count("\n") == 2)
            wait_until("it is told", lambda: "1 line cut off" in machine.initctl("status", "b").stdout)
            self.assertEqual(texts(machine, "b")[0], "<13>long: " + (8192 - 10) * "x")

    def test_F49_neither_the_death_of_the_logger_nor_of_the_manager_costs_a_datagram(self):
        with Machine() as machine:
            enough = machine.place / "enough"
            writer = threading.Thread(target=lambda: machine.inside("python3", "-c", COUNT, enough, seconds=300))
            writer.start()
            for _ in range(KILLS):
                for victim in (machine.logger, machine.logger, machine.manager):
                    before = machine.log("syslog").count("\n")
                    wait_until("it goes on", lambda before=before: machine.log("syslog").count("\n") > before)
                    os.kill(dead := wait_until("it lives", victim), signal.SIGKILL)
                    wait_until("the next one lives", lambda victim=victim, dead=dead: victim() not in (0, dead))
            enough.touch()
            writer.join()
            wait_until("the last is there", lambda: machine.log("syslog").endswith("count: end\n"))
            said = texts(machine, "syslog")
            self.assertEqual(said, [f"<13>count: {i}" for i in range(len(said) - 1)] + ["<13>count: end"])

    def test_a_daemon_of_anybody_keeps_what_it_has_taken_until_it_is_gone(self):
        with Machine({"a.service": TRUE}) as machine:
            send(machine, "one", "-t", "x")
            enter = [ROOT / "tools/namespace", "--enter", str(machine.pid), "--"]
            with subprocess.Popen([*enter, "python3", "-c", LISTEN], stdout=subprocess.PIPE, text=True) as daemon:
                self.assertEqual(daemon.stdout.readline(), "listens\n")
                machine.initctl("start", "a")
                send(machine, "two", "-t", "x")
                self.assertTrue(daemon.stdout.readline().endswith("x: two\n"))
                dead = machine.manager()
                os.kill(dead, signal.SIGKILL)
                wait_until("the next one lives", lambda: machine.manager() not in (0, dead))
                machine.initctl("start", "a")
                send(machine, "three", "-t", "x")
                self.assertTrue(daemon.stdout.readline().endswith("x: three\n"))
                for pid in machine.services():
                    os.kill(pid, signal.SIGKILL)
            machine.initctl("restart", "a")
            send(machine, "four", "-t", "x")
            wait_until("it is there", lambda: texts(machine, "syslog") == ["<13>x: one", "<13>x: four"])
            machine.inside("rm", "/dev/log")
            wait_until("it is back", lambda: machine.inside("test", "-S", "/dev/log", check=False).returncode == 0)
            machine.inside("sh", "-c", "rm /dev/log; ln -s /run/nowhere /dev/log")
            machine.initctl("restart", "a")
            wait_until("it is back", lambda: machine.inside("test", "-S", "/dev/log", check=False).returncode == 0)

    def test_a_syslog_daemon_that_starts_gets_it_and_gives_it_back(self):
        config = 'module(load="imuxsock")\n$template T,"%syslogseverity-text% %syslogtag%%msg%\\n"\n*.* /run/messages;T\n'
        rsyslog = (EXAMPLES / "rsyslog.service.toml").read_text().replace('"-iNONE"', '"-iNONE", "-f", "/run/rsyslog.conf"')
        with Machine({"rsyslog.service": rsyslog}, options=["--tmpfs", "/var/spool/rsyslog"] if os.path.isdir("/var/spool/rsyslog") else []) as machine:
            fifo = machine.place / "words"
            os.mkfifo(fifo)
            machine.write_unit("web.service", FORWARD.format(fifo))
            machine.inside("sh", "-c", f"cat >/run/rsyslog.conf <<'.'\n{config}.\n")
            machine.initctl("daemon-reload")
            messages = lambda: machine.inside("cat", "/run/messages", check=False).stdout  # noqa: E731
            with open(fifo, "w", buffering=1, opener=lambda path, _: os.open(path, os.O_RDWR)) as words:  # waits for no reader
                machine.initctl("start", "web")
                words.write("<3>before\n")
                wait_until("it is kept", lambda: texts(machine, "web") == ["<3>before"])
                send(machine, "one", "-t", "x")
                wait_until("it is kept", lambda: texts(machine, "syslog") == ["<13>x: one"])  # and nothing of web
                for turn, end in enumerate((["stop", "rsyslog"], ["kill", "rsyslog", "--signal", "KILL"])):
                    machine.initctl("start", "rsyslog")
                    send(machine, f"to the daemon {turn}", "-t", "x")
                    wait_until("it has it", lambda turn=turn: f"notice x: to the daemon {turn}\n" in messages())
                    words.write(f"<2>forwarded {turn}\nplain {turn}\n")
                    wait_until("it has both", lambda turn=turn: f"crit web: forwarded {turn}\ninfo web: plain {turn}\n" in messages())
                    machine.initctl(*end)
                    wait_until("it is back", lambda: machine.inside("logger", "-t", "x", "back", check=False).returncode == 0
                               and texts(machine, "syslog")[-1] == "<13>x: back")  # fmt: skip
                    if turn == 1:
                        machine.initctl("stop", "rsyslog", check=False)
                words.write("after\n")
                wait_until("it is kept", lambda: texts(machine, "web")[-1] == "after")
            self.assertNotIn("before", messages())
            # The daemon's own last words may be for whoever has the socket by then.
            self.assertLessEqual({text.partition(":")[0] for text in texts(machine, "syslog")}, {"<13>x", "<46>rsyslogd"})

    def test_initd_toml_turns_it_off(self):
        with Machine() as machine:
            (machine.place / "initd.toml").write_text("[log]\ndev-log = false\n")
            there = lambda: machine.inside("test", "-S", "/dev/log", check=False).returncode == 0  # noqa: E731
            wait_until("it is there", there)
            machine.inside("sh", "-ec", OWN_ETC.format(machine.place / "initd.toml"))
            os.kill(dead := machine.manager(), signal.SIGKILL)
            wait_until("the next one lives", lambda: machine.manager() not in (0, dead))
            machine.initctl("daemon-reload")
            self.assertFalse(there())

    def test_without_a_logger_nobody_is_made_to_wait(self):
        with Machine(logger=False) as machine:
            self.assertNotEqual(machine.inside("logger", "x", check=False).returncode, -1)
            self.assertNotEqual(machine.inside("test", "-S", "/dev/log", check=False).returncode, 0)


if __name__ == "__main__":
    unittest.main()
