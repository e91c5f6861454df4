"""Many callers at once, in one process: connections that are kept, answers with their times."""

import asyncio
import json
import time
from dataclasses import dataclass


@dataclass
class Answer:
    status: int | None  # None when there was none
    seconds: float
    headers: dict
    body: bytes

    def json(self):
        return json.loads(self.body)


def request(method, path, key=None, body=None, **headers):
    """The bytes of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    if key:
        lines.append(f"Authorization: Bearer {key}")
    if body is not None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers.setdefault("Content_Type", "application/json")
        headers.setdefault("Content_Length", len(content))
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + (content if body is not None else b"")


class Connection(asyncio.Protocol):
    """One connection, one request at a time; made anew when the other side ends it."""

    def __init__(self, port, address="127.0.0.1"):
        self.port, self.address, self.transport, self.waiter, self.buffer = port, address, None, None, bytearray()

    async def open(self):
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self, "127.0.0.1", self.port, local_addr=(self.address, 0))
        return self

    async def send(self, data, timeout=60):
        began = time.perf_counter()
        try:
            if self.transport is None or self.transport.is_closing():
                await self.open()
            self.buffer.clear()
            self.waiter = asyncio.get_running_loop().create_future()
            self.transport.write(data)
            head, body = await asyncio.wait_for(self.waiter, timeout)
        except (OSError, asyncio.TimeoutError):
            self.close()
            return Answer(None, time.perf_counter() - began, {}, b"")
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        if headers.get("connection") == "close":
            self.close()
        return Answer(int(lines[0].split()[1]), time.perf_counter() - began, headers, bytes(body))

    def close(self):
        if self.transport:
            self.transport.abort()
        self.transport = None

    # asyncio's calls.

    def connection_made(self, transport):
        self.transport = transport

    def connection_lost(self, error):
        self.transport = None
        if self.waiter and not self.waiter.done():
            self.waiter.set_exception(error or ConnectionResetError("the connection was ended"))

    def data_received(self, data):
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0 or self.waiter is None or self.waiter.done():
            return
        head = bytes(self.buffer[:end])
        lower = head.lower()
        place = lower.find(b"content-length:")
        if place >= 0:
            length = int(lower[place + 15:].split(b"\r\n", 1)[0])
            if len(self.buffer) < end + 4 + length:
                return
            body = self.buffer[end + 4:end + 4 + length]
        elif b"transfer-encoding: chunked" in lower:
            if not self.buffer.endswith(b"0\r\n\r\n"):
                return
            body = unchunked(self.buffer[end + 4:])
        else:
            body = b""
        self.waiter.set_result((head, body))


def unchunked(data):
    body, place = bytearray(), 0
    while (end := data.find(b"\r\n", place)) >= 0 and (size := int(data[place:end].split(b";")[0], 16)) > 0:
        body += data[end + 2:end + 2 + size]
        place = end + 4 + size
    return body


async def closed(port, count, seconds, make):
    """`count` callers, each sending its next request when it has its answer; `make(number)` gives the bytes."""
    answers, number, end = [], iter(range(1 << 60)), time.perf_counter() + seconds

    async def caller():
        connection = Connection(port)
        while time.perf_counter() < end:
            answers.append(await connection.send(make(next(number))))
        connection.close()

    await asyncio.gather(*(caller() for _ in range(count)))
    return answers


async def paced(port, rate, seconds, make, most=800, patience=float("inf")):
    """`rate` requests a second, whatever becomes of those before; at most so many at a time.

    Answers them, each with its time from the moment it was due, and how many could not be sent: because all of `most`
    connections waited for answers, or because they were overdue by `patience` seconds when their turn came."""
    answers, free, tasks, unsent = [], [Connection(port) for _ in range(most)], set(), 0
    began, number = time.perf_counter(), 0

    async def one(connection, data, due):
        answer = await connection.send(data)
        answer.seconds = time.perf_counter() - due
        answers.append(answer)
        free.append(connection)

    while (now := time.perf_counter() - began) < seconds:
        while number < now * rate:
            due = began + number / rate
            if free and time.perf_counter() - due < patience:
                task = asyncio.ensure_future(one(free.pop(), make(number), due))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            else:
                unsent += 1
            number += 1
        await asyncio.sleep(0.002)
    if tasks:
        await asyncio.wait(list(tasks))
    for connection in free:
        connection.close()
    return answers, unsent


def percentile(values, share):
    """In milliseconds."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000 if ordered else 0.0
