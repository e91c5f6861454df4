"""How many events a second the relay and the analytics consumer can do: a heap of events is put into the outbox at
once, and both are watched while they work it off."""

import http.client
import os
import signal
import time

from drive import fill, psql

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


def measure(system, database, names, count, patience=300):
    """Events a second of (relay, consumer) for a heap of `count`."""
    watched = {"relay": (system.internal_port("leads"), PUBLISHED),
               "consumer": (system.internal_port("analytics"), APPLIED)}
    settle(system)
    before = {part: metric(*where) for part, where in watched.items()}
    relay = system.pid("leads")
    os.kill(relay, signal.SIGSTOP)  # or it would be done before the heap is
    try:
        psql(database, fill("heap_of_events.sql", names), count=count)
    finally:
        os.kill(relay, signal.SIGCONT)
    began, rates = time.monotonic(), {}
    while len(rates) < len(watched):
        for part, where in watched.items():
            if part not in rates and metric(*where) - before[part] >= count:
                rates[part] = count / (time.monotonic() - began)
        if time.monotonic() - began > patience:
            raise OSError(f"{count} events were not done in {patience} s")
        time.sleep(0.05)
    return rates
