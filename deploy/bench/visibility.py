"""From a write's answer until analytics shows it, while 200 writes a second go on.

For every tenth write of each writer the report is asked to wait for the position that the write answered. What is measured
runs from the answer of the write, so not from the commit, which was shortly before, to the report's answer.
"""

import threading
import time

from client import Api, ApiError
from drive import Refused
from writers import Writers, percentiles

WRITES_A_SECOND = 200
ASK_EVERY = 10  # writes


def measure(url, key, seconds):
    """p50 and p99 in milliseconds, and the writes a second that were reached; Refused when a report was not answered."""
    api, waits, asking, failures = Api(url, key), [], [], []

    def ask(position, answered):
        try:
            api.get("/v1/analytics/leads", waitFor=position)
        except (ApiError, OSError) as error:
            failures.append(error)
        else:
            waits.append((time.monotonic() - answered) * 1000)

    def heard(answer, answered, count):
        if count % ASK_EVERY == 0:
            asking.append(threading.Thread(target=ask, args=(answer.headers["X-Guanxi-Position"], answered)))
            asking[-1].start()

    rate = Writers(url, key, WRITES_A_SECOND, heard).write(seconds)
    for thread in asking:
        thread.join()
    if failures:
        raise Refused(f"{len(failures)} of {len(asking)} reports that wait for a write failed: {failures[0]}")
    if len(waits) != len(asking) or not waits:
        raise Refused(f"{len(waits)} of {len(asking)} reports that wait for a write were answered")
    return {**percentiles(waits), "rate": rate}
