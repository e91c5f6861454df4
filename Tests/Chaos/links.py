#!/usr/bin/env python3
"""Connections that can be cut: a small proxy between the services and what they talk to.

A process of its own. Reads commands as JSON lines from its standard input and answers each with a line:
  {"open": NAME, "listen": PATH|PORT, "targets": [PATH|PORT, …]}   (new connections go to the targets in turn)
  {"targets": [NAME, [PATH|PORT, …]]}
  {"mode": [NAME, "open" | "silent" | "refused" | SECONDS]}
`silent` lets nothing through and tells nobody, as a cut cable does; `refused` breaks every connection;
a number delays each piece by that many seconds.
"""

import asyncio
import json
import os
import subprocess
import sys


class Side(asyncio.Protocol):
    """One end of a connection; what it receives goes to its peer."""

    def __init__(self, link):
        self.link, self.peer, self.transport, self.waiting, self.due = link, None, None, [], 0.0

    def connection_made(self, transport):
        self.transport = transport
        self.link.sides.add(self)
        if self.link.mode == "silent":
            transport.pause_reading()

    def data_received(self, data):
        loop = asyncio.get_running_loop()
        delay = self.link.mode if isinstance(self.link.mode, float) else 0.0
        if not delay and self.due < loop.time():
            self.send(data)
            return
        # In their order, also when the delay changes meanwhile.
        self.due = max(self.due + 1e-6, loop.time() + delay)
        loop.call_at(self.due, self.send, data)

    def send(self, data):
        if self.peer is None:
            self.waiting.append(data)
        elif self.peer.transport and not self.peer.transport.is_closing():
            self.peer.transport.write(data)

    def join(self, peer):
        self.peer = peer
        for data in self.waiting:
            self.send(data)
        self.waiting = []

    def pause_writing(self):
        if self.peer and self.peer.transport:
            self.peer.transport.pause_reading()

    def resume_writing(self):
        if self.peer and self.peer.transport and self.link.mode != "silent":
            self.peer.transport.resume_reading()

    def eof_received(self):
        return False

    def connection_lost(self, error):
        self.link.sides.discard(self)
        if self.peer and self.peer.transport:
            self.peer.transport.close()


class Front(Side):
    """The end that a client opened; opens the other one."""

    def connection_made(self, transport):
        super().connection_made(transport)
        if self.link.mode == "refused":
            transport.abort()
            return
        self.link.tasks.add(task := asyncio.ensure_future(self.connect()))
        task.add_done_callback(self.link.tasks.discard)

    async def connect(self):
        try:
            self.join(await self.link.dial(self))
        except OSError:
            self.transport.abort()


class Link:
    def __init__(self, targets):
        self.targets, self.mode, self.sides, self.tasks, self.turn = targets, "open", set(), set(), 0

    async def dial(self, front):
        """The next target that answers."""
        loop = asyncio.get_running_loop()
        for _ in range(len(self.targets) - 1):
            try:
                return await self.dial_next(loop, front)
            except OSError:
                continue
        return await self.dial_next(loop, front)

    async def dial_next(self, loop, front):
        target = self.targets[self.turn % len(self.targets)]
        self.turn += 1

        def back():
            side = Side(self)
            side.peer = front
            return side

        if isinstance(target, str):
            return (await loop.create_unix_connection(back, target))[1]
        return (await loop.create_connection(back, "127.0.0.1", target))[1]

    def set(self, mode):
        self.mode = float(mode) if isinstance(mode, (int, float)) else mode
        for side in list(self.sides):
            if mode == "refused":
                side.transport.abort()
            elif mode == "silent":
                side.transport.pause_reading()
            else:
                side.transport.resume_reading()


async def serve(commands):
    loop, links, servers = asyncio.get_running_loop(), {}, []
    while line := await commands.readline():
        command = json.loads(line)
        if name := command.get("open"):
            link = links[name] = Link(command["targets"])
            listen = command["listen"]
            if isinstance(listen, str):
                servers.append(await loop.create_unix_server(lambda link=link: Front(link), listen))
                os.chmod(listen, 0o777)
            else:
                servers.append(await loop.create_server(lambda link=link: Front(link), "127.0.0.1", listen))
        elif change := command.get("mode"):
            links[change[0]].set(change[1])
        elif change := command.get("targets"):
            links[change[0]].targets = change[1]
        print("done", flush=True)


async def main():
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await serve(reader)


class Links:
    """The proxy as seen by whoever started it."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            start_new_session=True)
        self.pairs = {}  # what talks, `gateway ⇹ leads` → the links between the two

    def tell(self, **command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        if self.process.stdout.readline() != "done\n":
            raise OSError("the proxy between the services ended")

    @property
    def names(self):
        """The pairs that can be cut off from each other."""
        return list(self.pairs)

    def open(self, name, listen, targets, pair):
        self.pairs.setdefault(pair, []).append(name)
        self.tell(open=name, listen=listen, targets=targets)

    def mode(self, pair, mode):
        for name in self.pairs[pair]:
            self.tell(mode=[name, mode])

    def targets(self, name, targets):
        self.tell(targets=[name, targets])

    def close(self):
        try:
            self.process.stdin.close()
            self.process.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()


if __name__ == "__main__":
    asyncio.run(main())
