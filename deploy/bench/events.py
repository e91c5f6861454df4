"""How many events a second the relay and the analytics consumer can do: a heap of events is put into the outbox, and
each of the two works it off while the other, and whoever else would, stands still."""

import http.client
import os
import re
import signal
import subprocess
import time
from contextlib import contextmanager

from drive import fill, psql
from processor import Meter
from system import SERVICES

PUBLISHED, APPLIED = "guanxi_outbox_published_total", 'guanxi_consumer_applied_total{group="analytics"}'


def metric(port, name):
    """The value of a metric at a service's internal port."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/metrics")
    lines = connection.getresponse().read().decode().splitlines()
    connection.close()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.partition(" ")[0] == name)


def settle(system, patience=60):
    """Waits until what was written before is through."""
    port, last = system.internal_port("analytics"), -1
    began = time.monotonic()
    while (applied := metric(port, APPLIED)) != last and time.monotonic() - began < patience:
        last = applied
        time.sleep(1)


class Race:
    """A service that works off `count` events: how long it takes, and what it costs. Made while the service stands
    still, so that nothing of it is done before the clock runs."""

    def __init__(self, system, service, name, count):
        self.system, self.count = system, count
        self.where = system.internal_port(service), name
        self.goal = metric(*self.where) + count

    def ready(self):
        """Called while the service still stands still: from now on counts."""
        self.meter, self.began = Meter(self.system, SERVICES), time.monotonic()

    def run(self, patience=300):
        """(events a second, processor time of an event by part in µs)"""
        while metric(*self.where) < self.goal:
            if time.monotonic() - self.began > patience:
                raise OSError(f"{self.count} events were not done in {patience} s")
            time.sleep(0.05)
        seconds = time.monotonic() - self.began
        return self.count / seconds, self.meter.per_call(self.count)


def measure(system, database, names, count, watched):
    """What a heap of `count` took the relay, and then the consumer of analytics, each within a block of `watched`."""
    settle(system)
    relay, consumer = Race(system, "leads", PUBLISHED, count), Race(system, "analytics", APPLIED, count)
    with halted(system, "customers", "opportunities"):
        with halted(system, "analytics"):
            with halted(system, "leads"):  # or it would be done before the heap is
                psql(database, fill("heap_of_events.sql", names), count=count)
                relay.ready()
            with watched("relay", "leads"):
                relayed = relay.run()
            consumer.ready()
        with watched("events", "analytics"):
            return relayed, consumer.run()


def producer_floor(kafka_home, servers, records=3_000_000, size=1400):
    """Records a second that the broker's own tool reaches when it is warm: in the second half."""
    tool = [f"{kafka_home}/bin/kafka-topics.sh", "--bootstrap-server", servers, "--topic", "floor"]
    subprocess.run([*tool, "--create", "--partitions", "12"], check=True, capture_output=True)
    try:
        output = subprocess.run(
            [f"{kafka_home}/bin/kafka-producer-perf-test.sh", "--topic", "floor", "--num-records", str(records),
             "--record-size", str(size), "--throughput", "-1", "--producer-props", f"bootstrap.servers={servers}",
             "acks=all", "enable.idempotence=true"], check=True, capture_output=True, text=True).stdout
    finally:
        subprocess.run([*tool, "--delete"], check=True, capture_output=True)
    return warm_rate(output, records)


def warm_rate(output, records):
    """From lines of `n records sent, r records/sec (…)`: the rate of the second half."""
    sent, counted, seconds = 0, 0, 0.0
    for count, rate in re.findall(r"^(\d+) records sent, ([\d.]+) records/sec", output, re.M)[:-1]:
        sent += int(count)
        if sent > records / 2:
            counted += int(count)
            seconds += int(count) / float(rate)
    if not seconds:
        raise OSError("kafka-producer-perf-test was done before it told of its second half: give it more records")
    return counted / seconds


@contextmanager
def halted(system, *services):
    """They stand still meanwhile."""
    pids = [system.pid(service) for service in services]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
