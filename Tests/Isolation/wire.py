"""Calls exactly as an attacker writes them: ordinary ones over kept connections, and raw bytes."""

import http.client
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

PATIENCE = 10  # times


class Answer:
    def __init__(self, status, headers, text):
        self.status, self.headers, self.text = status, headers, text

    @property
    def json(self):
        try:
            return json.loads(self.text)
        except ValueError:
            return None

    @property
    def everything(self):
        """What a client can see: head and body."""
        return "\n".join(f"{name}: {value}" for name, value in self.headers) + "\n\n" + self.text


class Gateway:
    """One address; every thread has a connection of its own, so those of the service are shared by all tenants."""

    def __init__(self, port):
        self.port, self.local = port, threading.local()

    def send(self, method, target, headers=(), body=None):
        """`headers` are pairs, so that a name may come twice. No answer at all has status 0. Who is told that the machine
        is too busy comes again, or nothing would have been tried."""
        for _ in range(PATIENCE):
            answer = self.once(method, target, headers, body)
            if answer.status != 503 or (answer.json or {}).get("code") != "overloaded":
                break
            time.sleep(float(dict(answer.headers).get("Retry-After", 1)))
        return answer

    def once(self, method, target, headers, body):
        for attempt in (1, 2):
            connection = getattr(self.local, "connection", None)
            if connection is None:
                connection = self.local.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            try:
                connection.putrequest(method, target, skip_host=any(n.lower() == "host" for n, _ in headers))
                for name, value in headers:
                    connection.putheader(name, value)
                if body is not None or method in ("POST", "PUT", "PATCH"):
                    connection.putheader("Content-Length", str(len(body or b"")))
                connection.endheaders(body)
                answer = connection.getresponse()
                text = answer.read().decode("utf-8", "replace")
                if answer.will_close:
                    self.forget()
                return Answer(answer.status, answer.getheaders(), text)
            except (OSError, http.client.HTTPException) as error:
                self.forget()
                if attempt == 2:
                    return Answer(0, [], repr(error))

    def forget(self):
        if getattr(self.local, "connection", None) is not None:
            self.local.connection.close()
            self.local.connection = None

    def raw(self, content, patience=1.0):
        """Everything that comes back for these bytes: until the server closes, or is silent for `patience`."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=patience) as connection:
            received = b""
            try:
                connection.sendall(content)
                while chunk := connection.recv(65536):
                    received += chunk
            except OSError:
                pass
        return received.decode("utf-8", "replace")


def bearer(secret):
    return ("Authorization", f"Bearer {secret}")


def at_once(work, items, threads=4):
    """Does `work` for every item, a few at a time, and answers in the items' order."""
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, items))
