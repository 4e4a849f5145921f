"""Observers that run beside the test, each a process of its own, so that none holds up another's clock."""

import multiprocessing
import signal
import traceback

CONTEXT = multiprocessing.get_context("fork")


class Beside(CONTEXT.Process):
    """A subclass says begin(), look() at each turn of `pace` seconds, and found() for what finish() then returns."""

    def __init__(self, pace):
        super().__init__(daemon=True)
        self.pace = pace
        self._end = CONTEXT.Event()
        self._here, self._there = CONTEXT.Pipe(duplex=False)

    def run(self):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            self.begin()
            while not self._end.wait(self.pace):
                self.look()
            self._there.send(self.found())
        except BaseException:
            self._there.send(traceback.format_exc())

    def finish(self):
        self._end.set()
        found = self._here.recv()
        self.join()
        if isinstance(found, str):
            raise RuntimeError(found)
        return found
