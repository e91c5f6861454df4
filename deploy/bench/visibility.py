"""From a write's answer until analytics shows it, while 200 writes a second go on.

Some of the writers ask the report to wait for the position that their write answered. What is
measured runs from the answer of the write, so shortly after the commit, to the report's answer.
"""

import threading
import time

from client import Api
from writers import Writers, percentiles

WRITES_A_SECOND = 200
ASK_EVERY = 10  # writes


def measure(url, key, seconds):
    """p50 and p99 in milliseconds, and the writes a second that were reached."""
    api, waits, asking = Api(url, key), [], []

    def ask(position, answered):
        api.get("/v1/analytics/leads", waitFor=position)
        waits.append((time.monotonic() - answered) * 1000)

    def heard(answer, answered, count):
        if count % ASK_EVERY == 0:
            asking.append(threading.Thread(target=ask, args=(answer.headers["X-Guanxi-Position"], answered)))
            asking[-1].start()

    rate = Writers(url, key, WRITES_A_SECOND, heard).write(seconds)
    for thread in asking:
        thread.join()
    return {**percentiles(waits), "rate": rate}
