"""Functions of initd by their addresses, and which of them its loop is made of."""

import bisect
import re
import subprocess

# All that runs between two waits; neither start nor end.
LOOP = re.compile(r"init::(pid1::(Pid1|Children|Facts|Guard|Channel)::|channel::Packet::|process::Poller::(wait|add|remove)"
                  r"|pid1::(peek|reap|pidfd_open|store_put|store_drop|fork_whole|log_line|Line::)|sys::|crc32c|monotonic_now"
                  r"|process::plan_is_well_formed|channel::send_packet)")  # fmt: skip
# Those of the first start and of the resumption; of children; of what this load has none of: watched strangers, kernels without
# lists of children or clone3, refused programs, renewals (P6 has them), facts that cannot be written, PID 1 alone, signals to all,
# the end.
ELSEWHERE = re.compile(r"::(Facts::(create|map|adopt|intact|find_orphan|write_through)|Guard::(arm|resume|become_manager|kill_manager|look)"
                       r"|Children::(start|resume|resume_slot|raise_limit|make_areas|watch|sweep_by_wait|signal_all|start_again|start_kept)"
                       r"|Pid1::(run|take_over|renew|execute_next|stop_without_manager)|Channel::adopt|pidfd_open)\("
                       r"|start_child\(unsigned|\[clone .part")  # fmt: skip


class Symbols:
    def __init__(self, program):
        listed = subprocess.run(["nm", "-C", "-n", "--defined-only", program], capture_output=True, text=True, check=True).stdout
        rows = [line.split(" ", 2) for line in listed.splitlines()]
        self.rows = [(int(address, 16), name) for address, kind, name in rows if kind in "tT"]
        self.loop = {name: address for address, name in self.rows if LOOP.match(name) and not ELSEWHERE.search(name)}

    def at(self, address):
        """The function that an address is in."""
        index = bisect.bisect(self.rows, (address, "\x7f")) - 1
        return self.rows[index][1] if index >= 0 else "?"
