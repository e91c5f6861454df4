"""Many calls at once, with a line of progress now and then."""

import sys
import threading
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

THREADS = 12
LINE_EVERY = 2.0


class Progress:
    """Prints `label  done / total  (rate)` at most every two seconds, and once at the end."""

    def __init__(self, label, total):
        self.label, self.total, self.done = label, total, 0
        self.began = self.printed = time.monotonic()
        self.lock = threading.Lock()

    def add(self, count=1):
        with self.lock:
            self.done += count
            if time.monotonic() - self.printed > LINE_EVERY and self.done < self.total:
                self.line()

    def line(self):
        self.printed = time.monotonic()
        seconds = max(self.printed - self.began, 0.001)
        print(f"  {self.label:<28}{self.done:>8,} / {self.total:<8,} {self.done / seconds:>8,.0f}/s", flush=True)


def each(label, items, work, threads=THREADS, weight=lambda item: 1):
    """Calls `work(item)` for each item on several threads; the first error stops the rest."""
    items = list(items)
    progress = Progress(label, sum(map(weight, items)))
    with ThreadPoolExecutor(threads) as pool:
        running, source = {}, iter(items)
        try:
            while True:
                while len(running) < 2 * threads and (item := next(source, None)) is not None:
                    running[pool.submit(work, item)] = item
                if not running:
                    break
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    item = running.pop(future)
                    future.result()
                    progress.add(weight(item))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    if items:
        progress.line()


def chunks(items, size):
    items = list(items)
    return [items[start:start + size] for start in range(0, len(items), size)]


def note(text):
    print(f"  {text}", flush=True)


def fail(text):
    print(text, file=sys.stderr)
    sys.exit(1)
