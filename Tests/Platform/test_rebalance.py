"""A service that is told to stop while its consumer group is in the middle of a rebalance ends in time, with 0."""

import os
import signal
import subprocess
import sys
import time

import pytest
from calls import Platform, wait_for
from confluent_kafka import ConsumerGroupState
from confluent_kafka.admin import AdminClient
from system import BESIDE, environment, free_ports, is_running
from test_instances import Second

GROUP, LIMIT = "analytics", 5.0

# A member of another make that shares the group and then stands still: until its session is over, the broker waits for it
# with every rebalance.
MEMBER = f"""
import os, signal, sys
from confluent_kafka import Consumer
member = Consumer({{
    "bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"], "group.id": "{GROUP}", "session.timeout.ms": 45000,
    "partition.assignment.strategy": "range", "enable.auto.commit": False}})
member.subscribe(sys.argv[1:], on_assign=lambda *_: print("assigned", flush=True))
told = []
signal.signal(signal.SIGTERM, lambda *_: told.append(True))
while not told:
    member.poll(0.1)
member.close()
"""


def settings(platform):
    return environment(platform.system.folder / "services.env", {})


class StandingStill:
    """The foreign member, stopped as soon as it has partitions."""

    def __init__(self, platform):
        topics = [f"guanxi.{service}" for service in ("gateway", "leads", "opportunities", "customers")]
        self.process = subprocess.Popen(
            [sys.executable, "-c", MEMBER, *topics], env={**os.environ, **settings(platform)},
            stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "assigned\n"
        self.process.send_signal(signal.SIGSTOP)

    def end(self):
        self.process.terminate()
        self.process.send_signal(signal.SIGCONT)
        self.process.wait(60)


def is_rebalancing(platform):
    client = AdminClient({"bootstrap.servers": settings(platform)["KAFKA_BOOTSTRAP_SERVERS"]})
    group = client.describe_consumer_groups([GROUP])[GROUP].result()
    return group.state == ConsumerGroupState.PREPARING_REBALANCING


@pytest.fixture
def platform():
    platform = Platform("rebalance-test", "kafka")
    yield platform
    platform.system.stop(keep=False)


@pytest.mark.skipif(not ("KAFKA_HOME" in os.environ or BESIDE.is_dir()), reason="no Kafka: set KAFKA_HOME")
def test_a_service_told_to_stop_in_the_middle_of_a_rebalance_ends_in_5_s(platform):
    api = platform.tenant("rebalance")
    api.ok("POST", "/v1/leads", {"company": "Before"})
    other = StandingStill(platform)
    second = Second(platform, GROUP, free_ports())
    try:
        wait_for(second.is_ready, 60)
        wait_for(lambda: is_rebalancing(platform), 60)
        pid = platform.system.pid(GROUP)
        for end, is_over in [
                (lambda: os.kill(pid, signal.SIGTERM), lambda: not is_running(pid)),
                (second.process.terminate, lambda: second.process.poll() is not None)]:
            began = time.monotonic()
            end()
            wait_for(is_over, 30)
            assert time.monotonic() - began < LIMIT
        assert second.process.returncode == 0
        assert is_rebalancing(platform), "the group came to rest: this was no middle of a rebalance"
    finally:
        second.stop()
        other.end()
    # Nobody holds the group any more: the work goes on where it was.
    platform.system.restart(GROUP)
    api.ok("POST", "/v1/leads", {"company": "After"})
    wait_for(lambda: api.ok("GET", "/v1/analytics/leads?groupBy=source")["total"]["created"] == 2, 90)
