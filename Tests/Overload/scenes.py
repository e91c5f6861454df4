"""What a service meets when it is popular or disliked. Each scene says what it saw; who calls it says what is a promise."""

import asyncio
import gzip
import re
import resource
import socket
import sys
import threading
import time
from pathlib import Path

import crowd

sys.path.insert(0, str(Path(__file__).parents[1] / "Platform"))
from calls import Caller  # noqa: E402

OTHER = "127.0.0.7"  # an address of its own for those who mean no good
LATE = 0.1  # seconds


class World:
    """A running platform with some tenants, and how much memory its services hold."""

    def __init__(self, platform, tenants):
        self.platform, self.port = platform, platform.port
        self.keys = [platform.tenant(f"load-{number:02}").key for number in range(tenants)]

    def resident(self, service):
        """Megabytes."""
        text = Path(f"/proc/{self.platform.system.pid(service)}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024

    def lead(self, number, **more):
        """A new lead of one tenant after the other."""
        body = {"company": f"Company {number}", "externalSystem": "load", "externalId": f"{time.time_ns()}-{number}"}
        return crowd.request("POST", "/v1/leads", self.keys[number % len(self.keys)], {**body, **more})

    def capacity(self, seconds=5, count=16):
        answers = asyncio.run(crowd.closed(self.port, count, seconds, self.lead))
        return sum(answer.status == 201 for answer in answers) / seconds

    def missing(self, answers):
        """Acknowledged leads that are not there."""
        acknowledged = {answer.json()["id"] for answer in answers if answer.status == 201}
        there = set()
        for key in self.keys:
            api, cursor = Caller(self.port, key), ""
            while True:
                page = api.ok("GET", f"/v1/leads?limit=500&fields=id{cursor}")
                there |= {item["id"] for item in page["items"]}
                if page["nextCursor"] is None:
                    break
                cursor = f"&cursor={page['nextCursor']}"
        return acknowledged - there


class Memory(threading.Thread):
    """The most that services held while something went on, over what they held before."""

    def __init__(self, world, services=("gateway", "leads")):
        super().__init__(daemon=True)
        self.world, self.services, self.ended = world, services, threading.Event()

    def __enter__(self):
        self.before = {service: self.world.resident(service) for service in self.services}
        self.most = dict(self.before)
        self.start()
        return self

    def run(self):
        while not self.ended.wait(0.2):
            for service in self.services:
                self.most[service] = max(self.most[service], self.world.resident(service))

    def __exit__(self, *_):
        self.ended.set()
        self.join()

    def growth(self, service):
        return self.most[service] - self.before[service]


def flood(world, rate, seconds, most=800):
    """More than can be done: who was let in, who was turned away, what else was answered, and how many requests a second
    were sent in truth: one that is late is not sent, so that nobody takes the callers' time for the services'."""
    with Memory(world) as memory:
        answers, unsent = asyncio.run(crowd.paced(world.port, rate, seconds, world.lead, most, patience=LATE))
    accepted = [answer for answer in answers if answer.status == 201]
    refused = [answer for answer in answers if answer.status in (429, 503)]
    others = [answer for answer in answers if answer.status not in (201, 429, 503)]
    return {"answers": answers, "accepted": accepted, "refused": refused, "others": others, "unsent": unsent,
            "offered": len(answers) / seconds, "memory": memory,
            "rude": [answer for answer in refused if not is_polite(answer)]}


def is_polite(answer):
    """Whether a refusal says when to come again, and why, in a form for programs."""
    try:
        problem = answer.json()
    except ValueError:
        return False
    return (answer.headers.get("content-type") == "application/problem+json" and problem["detail"]
            and int(answer.headers.get("retry-after", 0)) > 0)


def others_work(world, seconds=3):
    """Ordinary callers meanwhile: their answers."""
    return asyncio.run(crowd.closed(world.port, 4, seconds, world.lead))


class Idle:
    """Connections that say nothing, of five addresses."""

    def __init__(self, world, count):
        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
        self.sockets = []
        for number in range(count):
            one = socket.socket()
            one.bind((f"127.0.0.{2 + number % 5}", 0))
            one.connect(("127.0.0.1", world.port))
            self.sockets.append(one)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for one in self.sockets:
            one.close()


class Slow(threading.Thread):
    """Senders of one byte a second: of a head, or of the body of a request that is accepted up to there."""

    def __init__(self, world, heads, bodies):
        super().__init__(daemon=True)
        self.world, self.heads, self.bodies, self.ended = world, heads, bodies, threading.Event()

    def run(self):
        head = crowd.request("GET", "/v1/leads", self.world.keys[0])[:-2] + b"X-Slow: "
        body = crowd.request("POST", "/v1/leads", self.world.keys[0], b"{", Content_Length=20000)
        self.open = []
        for start in [head] * self.heads + [body] * self.bodies:
            one = socket.socket()
            one.bind((OTHER, 0))
            one.connect(("127.0.0.1", self.world.port))
            one.sendall(start)
            self.open.append(one)
        while not self.ended.wait(1):
            for one in self.open:
                try:
                    one.send(b" ")
                except OSError:
                    pass  # it was ended
        for one in self.open:
            one.close()

    def __enter__(self):
        self.start()
        while len(getattr(self, "open", [])) < self.heads + self.bodies:
            time.sleep(0.01)
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join()


def odd_requests(world):
    """Status of requests that nobody means well with, by what they are."""
    bomb = gzip.compress(b'{"company": "' + b"x" * 50_000_000 + b'"}')
    key = world.keys[0]
    cases = {
        "20 kB of headers": crowd.request("GET", "/v1/leads", key, X_Long="x" * 20_000),
        "200 headers": crowd.request("GET", "/v1/leads", key, **{f"X_{number}": "x" for number in range(200)}),
        "a target of 10 kB": crowd.request("GET", "/v1/leads?q=" + "x" * 10_000, key),
        "a bomb of gzip": crowd.request("POST", "/v1/leads", key, bomb, Content_Encoding="gzip"),
        "a bomb for an import": crowd.request(
            "POST", "/v1/leads/imports", key, bomb, Content_Encoding="gzip", Content_Type="text/csv"),
        "a body of 100 MB": crowd.request("POST", "/v1/leads", key, b"{", Content_Length=100_000_000)}

    async def send(data):
        connection = crowd.Connection(world.port)
        answer = await connection.send(data)
        connection.close()
        return answer.status

    async def all_of_them():
        return {name: await send(data) for name, data in cases.items()}

    with Memory(world) as memory:
        return asyncio.run(all_of_them()), memory


def import_file(world, rows):
    """Begins an import of many rows for the first tenant; answers its address."""
    lines = "".join(f"Import {number},{13000000000 + number}\n" for number in range(rows))
    api = Caller(world.port, world.keys[0])
    return api.ok("POST", "/v1/leads/imports", f"company,phone\n{lines}".encode(), Content_Type="text/csv")["id"]


def import_state(world, job):
    return Caller(world.port, world.keys[0]).ok("GET", f"/v1/leads/imports/{job}")


def steady(world, seconds, rate=60):
    """All tenants but the first read and write at a steady pace: (answers, how many could not be sent)."""
    keys = world.keys[1:]

    def make(number):
        key = keys[number % len(keys)]
        if number % 2:
            return crowd.request("GET", "/v1/leads?limit=20", key)
        return crowd.request("POST", "/v1/leads", key, {"company": f"Steady {time.time_ns()}"})
    return asyncio.run(crowd.paced(world.port, rate, seconds, make, 100))

