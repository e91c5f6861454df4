"""Writers that create leads through the gateway, so many a second, whatever else happens."""

import threading
import time

from client import Api

WRITERS = 8


class Writers:
    """Each answer is told, with its time, to `heard(answer, answered, count)`."""

    def __init__(self, url, key, rate, heard):
        self.api, self.rate, self.heard = Api(url, key), rate, heard
        self.run = f"{time.time_ns():x}"
        self.lock, self.written = threading.Lock(), 0

    def write(self, seconds):
        """Writes for some time; the writes a second that were reached."""
        ends = time.monotonic() + seconds
        threads = [threading.Thread(target=self._write, args=(number, ends)) for number in range(WRITERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self.written / seconds

    def _write(self, number, ends):
        """One of them: a write each `WRITERS / rate` seconds."""
        due, count = time.monotonic() + number / self.rate, 0
        while due < ends:
            time.sleep(max(0, due - time.monotonic()))
            company = f"Seen {self.run} {number} {count} Ltd"
            answer = self.api.call("POST", "/v1/leads", {"company": company, "source": "website"})
            self.heard(answer, time.monotonic(), count)
            with self.lock:
                self.written += 1
            count += 1
            due += WRITERS / self.rate


def percentiles(waits):
    """p50 and p99."""
    waits = sorted(waits)
    return {"p50": waits[len(waits) // 2], "p99": waits[int(len(waits) * 0.99)], "samples": len(waits)}
