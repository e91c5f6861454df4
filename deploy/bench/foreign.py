"""From a write's answer until a foreign Kafka client has its event, while 500 writes a second go on.

The client is librdkafka's for Python, a new consumer group that reads the topic of leads. An event that comes before the
writer's own answer counts as 0.
"""

import multiprocessing
import subprocess
import time
from contextlib import contextmanager

from confluent_kafka import Consumer
from writers import Writers, percentiles

WRITES_A_SECOND = 500
TOPIC = "guanxi.leads"


class Reader(multiprocessing.Process):
    """Notes when each aggregate's first event came. A process of its own: it would wait for the writers' threads."""

    def __init__(self, servers):
        super().__init__(daemon=True)
        self.servers = servers
        self.is_ready, self.is_over = multiprocessing.Event(), multiprocessing.Event()
        self.result, self.end = multiprocessing.Pipe(duplex=False)

    def run(self):
        consumer = Consumer({
            "bootstrap.servers": self.servers, "group.id": f"bench-{time.time_ns()}", "auto.offset.reset": "earliest",
            "enable.auto.commit": False, "fetch.wait.max.ms": 100})
        assigned, seen = [], {}
        consumer.subscribe([TOPIC], on_assign=lambda *_: assigned.append(True))
        while not self.is_over.is_set():
            message = consumer.poll(0.5)
            if message is None and assigned:
                self.is_ready.set()  # what was there before is read
            if message is None or message.error():
                continue
            now, headers = time.monotonic(), dict(message.headers() or [])
            if headers.get("ce_type", b"").endswith(b"lead.created"):
                seen.setdefault(headers["ce_subject"].decode().partition("/")[2], now)
        consumer.close()
        self.end.send(seen)


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
    if not reader.is_ready.wait(60):
        raise OSError("the foreign client had not read what was there within 60 s")
    rate = Writers(url, key, WRITES_A_SECOND, heard).write(seconds)
    time.sleep(2)
    reader.is_over.set()
    seen = reader.result.recv()
    reader.join()
    if missing := answers.keys() - seen.keys():
        raise OSError(f"{len(missing)} of {len(answers)} events did not come within 2 s of the last write")
    return {**percentiles([max(0, seen[id] - answered) * 1000 for id, answered in answers.items()]), "rate": rate}
