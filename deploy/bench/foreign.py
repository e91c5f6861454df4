"""From a write's answer until a foreign Kafka client has its event, while 500 writes a second go on.

The client is librdkafka's for Python, a new consumer group that reads the topic of leads. An event that comes before the
writer's own answer counts as 0.
"""

import subprocess
import threading
import time
from contextlib import contextmanager

from confluent_kafka import Consumer
from writers import Writers, percentiles

WRITES_A_SECOND = 500
TOPIC = "guanxi.leads"


class Reader(threading.Thread):
    """Notes when each aggregate's first event came."""

    def __init__(self, servers):
        super().__init__()
        self.seen, self.wants = {}, True
        self.consumer = Consumer({
            "bootstrap.servers": servers, "group.id": f"bench-{time.time_ns()}", "auto.offset.reset": "earliest",
            "enable.auto.commit": False, "fetch.wait.max.ms": 100})
        self.assigned = threading.Event()

    def run(self):
        self.consumer.subscribe([TOPIC], on_assign=lambda *_: self.assigned.set())
        while self.wants:
            message = self.consumer.poll(0.2)
            if message is None or message.error():
                continue
            now, headers = time.monotonic(), dict(message.headers() or [])
            if headers.get("ce_type", b"").endswith(b"lead.created"):
                self.seen.setdefault(headers["ce_subject"].decode().partition("/")[2], now)
        self.consumer.close()


@contextmanager
def open_transaction(database, seconds):
    """A transaction of another database of the same server that stays open meanwhile."""
    psql = subprocess.Popen(
        ["psql", "-X", "-q", "-c", f"begin; select pg_current_xact_id(); select pg_sleep({seconds}); rollback",
         database], stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        psql.terminate()
        psql.wait()


def measure(servers, url, key, seconds):
    """p50 and p99 in milliseconds, and the writes a second that were reached."""
    answers = {}

    def heard(answer, answered, _):
        answers[answer.headers["X-Guanxi-Position"].partition(":")[0]] = answered

    reader = Reader(servers)
    reader.start()
    if not reader.assigned.wait(30):
        raise OSError("the foreign client was assigned no partition within 30 s")
    rate = Writers(url, key, WRITES_A_SECOND, heard).write(seconds)
    patience = time.monotonic() + 30
    while len(answers.keys() - reader.seen.keys()) and time.monotonic() < patience:
        time.sleep(0.1)
    reader.wants = False
    reader.join()
    if missing := answers.keys() - reader.seen.keys():
        raise OSError(f"{len(missing)} of {len(answers)} events did not come within 30 s")
    return {**percentiles([max(0, reader.seen[id] - answered) * 1000 for id, answered in answers.items()]), "rate": rate}
