"""From a write's answer until analytics shows it, while 200 writes a second go on.

Some of the writers ask the report to wait for the position that their write answered. What is
measured runs from the answer of the write, so shortly after the commit, to the report's answer.
"""

import threading
import time

from client import Api

WRITES_A_SECOND = 200
WRITERS = 8
ASK_EVERY = 10  # writes


class Writers:
    def __init__(self, url, key, seconds):
        self.api, self.ends = Api(url, key), time.monotonic() + seconds
        self.run = f"{time.time_ns():x}"
        self.lock, self.waits, self.written, self.late = threading.Lock(), [], 0, 0

    def write(self, number):
        """One of the writers: a write each `WRITERS / WRITES_A_SECOND` seconds, asking in another thread."""
        due, count = time.monotonic() + number / WRITES_A_SECOND, 0
        while due < self.ends:
            time.sleep(max(0, due - time.monotonic()))
            company = f"Seen {self.run} {number} {count} Ltd"
            answer = self.api.call("POST", "/v1/leads", {"company": company, "source": "website"})
            answered = time.monotonic()
            if count % ASK_EVERY == 0:
                threading.Thread(target=self.ask, args=(answer.headers["X-Guanxi-Position"], answered)).start()
            with self.lock:
                self.written += 1
                self.late += answered - due > 1
            count += 1
            due += WRITERS / WRITES_A_SECOND

    def ask(self, position, answered):
        self.api.get("/v1/analytics/leads", waitFor=position)
        with self.lock:
            self.waits.append((time.monotonic() - answered) * 1000)


def measure(url, key, seconds):
    """p50 and p99 in milliseconds, and the writes a second that were reached."""
    writers = Writers(url, key, seconds)
    threads = [threading.Thread(target=writers.write, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    time.sleep(1)
    waits = sorted(writers.waits)
    return {
        "p50": waits[len(waits) // 2], "p99": waits[int(len(waits) * 0.99)], "samples": len(waits),
        "rate": writers.written / seconds}
