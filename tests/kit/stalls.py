"""How long the machine itself kept a process waiting that wanted to run: what a busy machine adds to every measured time.

    with Stalls() as stalls:
        ... measure ...
    self.assertLess(took, 0.2 + stalls.worst)

`total` is the time of all that were longer than a step. On a quiet machine that is nothing, so the limit is as strict as it says.
"""
import threading
import time

STEP = 0.005


class Stalls:
    def __init__(self):
        self.worst, self.total, self.enough = 0.0, 0.0, threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self):
        while not self.enough.is_set():
            began = time.monotonic()
            time.sleep(STEP)
            late = time.monotonic() - began - STEP
            self.worst = max(self.worst, late)
            if late > STEP:
                self.total += late

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.enough.set()
        self.thread.join()
