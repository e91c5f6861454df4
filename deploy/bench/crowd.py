"""Many tenants with a key each, and traffic that few of them make most of (Zipf: the n-th makes 1/n of the first's)."""

import http.client
import itertools
import json
import random
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from drive import HERE, Refused
from writers import percentiles

TOGETHER = 4


class Crowd:
    def __init__(self, operator):
        self.operator, self.tenants, self.keys = operator, [], []

    def make(self):
        """One more tenant; milliseconds."""
        slug, began = f"crowd-{len(self.tenants) + 1}", time.monotonic()
        self.operator.post("/v1/tenants", {"slug": slug, "name": slug, "timeZone": "UTC", "currency": "USD"})
        self.tenants.append(slug)
        return 1000 * (time.monotonic() - began)

    def make_keys(self):
        """A key for each tenant."""
        def key(slug):
            return self.operator.post(
                f"/v1/tenants/{slug}/api-keys", {"name": "bench", "role": "admin"}, time.monotonic_ns())["key"]

        with ThreadPoolExecutor(TOGETHER) as pool:
            self.keys = list(pool.map(key, self.tenants))

    def recall(self):
        """The tenants that an earlier run made, with new keys."""
        slugs = (item["slug"] for item in self.operator.list("/v1/tenants"))
        self.tenants = sorted((slug for slug in slugs if slug.startswith("crowd-")), key=lambda slug: int(slug[6:]))
        self.make_keys()

    def drop(self, count):
        """The last ones, two at a time; milliseconds of each."""
        def drop(slug):
            began = time.monotonic()
            self.operator.call("DELETE", f"/v1/tenants/{slug}")
            return 1000 * (time.monotonic() - began)

        gone, self.tenants = self.tenants[-count:], self.tenants[:-count]
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(drop, gone))

    @staticmethod
    def write(url, keys, seconds, connections):
        """New leads, as fast as so many connections can: calls, rate, p50 and p99 in milliseconds."""
        with tempfile.NamedTemporaryFile("w", suffix=".keys") as file:
            file.writelines(f"{key}\n" for key in keys)
            file.flush()
            output = subprocess.run(
                ["wrk", "-t", str(min(2, connections)), "-c", str(connections), "-d", f"{seconds}s", "--latency",
                 "--timeout", "10s", "-s", str(HERE / "calls.lua"), url, "--", "crowd", "", file.name],
                check=True, capture_output=True, text=True).stdout
        figures = json.loads(output.strip().splitlines()[-1])
        if figures["refused"] or figures["broken"] or not figures["calls"]:
            raise Refused(f"writes: {figures['refused']} refused, {figures['broken']} broken of {figures['calls']}")
        return {**figures, "rate": figures["calls"] / figures["seconds"]}


class Traffic:
    """So many writes a second after Zipf, until the block ends; any refusal is an error."""

    THREADS = 6

    def __init__(self, url, keys, rate):
        self.address, self.rate = urlsplit(url), rate
        self.weights = list(itertools.accumulate(1 / (number + 1) for number in range(len(keys))))
        self.keys, self.ended = keys, threading.Event()
        self.waits, self.refusals, self.lock = [], [], threading.Lock()

    def __enter__(self):
        self.threads = [threading.Thread(target=self._write, args=(number,)) for number in range(self.THREADS)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *failure):
        self.ended.set()
        for thread in self.threads:
            thread.join()
        if self.refusals and not failure[0]:
            raise Refused(f"{len(self.refusals)} writes were refused: {self.refusals[0]}")

    def _write(self, number):
        connection = http.client.HTTPConnection(self.address.hostname, self.address.port, timeout=30)
        due, count = time.monotonic() + number / self.rate, 0
        while not self.ended.wait(max(0, due - time.monotonic())):
            key = random.choices(self.keys, cum_weights=self.weights)[0]
            body = json.dumps({"company": f"Crowd {number} {count} {time.time_ns():x} Ltd"})
            try:
                connection.request("POST", "/v1/leads", body, {
                    "Authorization": f"Bearer {key}", "Content-Type": "application/json"})
                answer = connection.getresponse()
                text = answer.read()
            except (OSError, http.client.HTTPException) as error:
                answer, text = None, repr(error)
            with self.lock:
                self.waits.append(1000 * (time.monotonic() - due))  # one that begins late has waited
                if answer is None or answer.status != 201:
                    self.refusals.append((answer and answer.status, text))
            count += 1
            due += self.THREADS / self.rate
        connection.close()

    @property
    def count(self):
        return len(self.waits)

    @property
    def longest(self):
        return max(self.waits)

    @property
    def p99(self):
        return percentiles(self.waits)["p99"]
