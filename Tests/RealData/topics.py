#!/usr/bin/env python3
"""A stranger who reads the topics with a client of his own while others write.

Reads every `guanxi.*` topic from the beginning until it is told to stop (SIGTERM, SIGINT) and
nothing has come for a while; of the embedded log, what it holds now. Then writes a report and
exits 1 when a promise was broken.
"""

import argparse
import json
import re
import signal
import sys
import time
from pathlib import Path

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

import embedded
from ledger import Ledger, Schemas

SERVICE_TOPIC = re.compile(r"^guanxi\.(gateway|leads|opportunities|customers|analytics)$")
SCHEMAS = Path(__file__).parents[2] / "Shared" / "Contracts" / "Released"
LOOK_FOR_TOPICS_EVERY = 2.0


class Reader:
    def __init__(self, servers, ledger):
        self.ledger, self.assigned, self.looked = ledger, {}, 0.0
        self.consumer = Consumer({
            "bootstrap.servers": servers, "group.id": "a-stranger", "enable.auto.commit": False,
            "auto.offset.reset": "earliest", "isolation.level": "read_committed"})

    def look_for_topics(self):
        """Takes partitions not read yet; those being read go on from where they are."""
        self.looked = time.monotonic()
        topics = self.consumer.list_topics(timeout=10).topics
        found = {
            (topic, partition) for topic in topics if SERVICE_TOPIC.match(topic)
            for partition in topics[topic].partitions}
        new = found - self.assigned.keys()
        if new:
            self.assigned |= dict.fromkeys(new, OFFSET_BEGINNING)
            self.consumer.incremental_assign([TopicPartition(*place, OFFSET_BEGINNING) for place in new])

    def run(self, stopping, idle):
        """Reads until `stopping()` and `idle` seconds without a record."""
        last = time.monotonic()
        while not stopping() or time.monotonic() - last < idle:
            if time.monotonic() - self.looked > LOOK_FOR_TOPICS_EVERY:
                try:
                    self.look_for_topics()
                except KafkaException as error:  # the broker may be on its way up again
                    print(f"topics: {error}", file=sys.stderr)
            for message in self.consumer.consume(500, timeout=0.5):
                if message.error():
                    print(f"topics: {message.error()}", file=sys.stderr)
                    continue
                last = time.monotonic()
                headers = {name: (value or b"").decode() for name, value in message.headers() or []}
                self.ledger.read(
                    message.topic(), message.partition(), message.offset(), (message.key() or b"").decode(),
                    headers, message.value())
        self.consumer.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    log = parser.add_mutually_exclusive_group(required=True)
    log.add_argument("--servers", help="Kafka's bootstrap servers")
    log.add_argument("--database", help="address of the embedded log's database")
    parser.add_argument("--schemas", type=Path, default=SCHEMAS, help="folder of the released schemas")
    parser.add_argument("--idle", type=float, default=5, help="seconds of silence after the stop (5)")
    parser.add_argument("--report", type=Path, help="file for the report as JSON")
    parser.add_argument("--sequences", type=Path, help="file for the last sequence of each aggregate")
    options = parser.parse_args()
    stop = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.append(True))
    ledger = Ledger(Schemas(options.schemas))
    if options.servers:
        Reader(options.servers, ledger).run(lambda: bool(stop), options.idle)
    else:
        embedded.read(options.database, ledger)
    report = ledger.report()
    if options.report:
        options.report.write_text(json.dumps(report, indent=2, ensure_ascii=False))
    if options.sequences:
        options.sequences.write_text(json.dumps(ledger.sequences()))
    for kind, count in report["failures"].items():
        print(f"topics: {kind}: {count} times, as", *report["examples"][kind][:3], sep="\n  ")
    failed = sum(report["failures"].values())
    print(f"topics: {report['events']:,} events of {report['aggregates']:,} aggregates in {report['records']:,} "
          f"records ({report['repeats']:,} repeats); {failed} failures")
    sys.exit(1 if failed or not report["events"] else 0)


if __name__ == "__main__":
    main()
