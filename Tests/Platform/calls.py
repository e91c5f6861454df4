"""The gateway of a running system from outside: callers, tenants and keys, and waiting for what comes to be."""

import http.client
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "deploy" / "local"))
from system import System  # noqa: E402


class Caller:
    """One key's calls, sent exactly as given."""

    def __init__(self, port, key=None):
        self.port, self.key = port, key

    def send(self, method, path, body=None, **headers):
        """(status, headers, decoded body); `body` may be bytes, which are sent as they are."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.key:
            sent.setdefault("Authorization", f"Bearer {self.key}")
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, answer.headers, json.loads(text) if text[:1] in (b"{", b"[") else text

    def ok(self, method, path, body=None, **headers):
        status, _, answer = self.send(method, path, body, **headers)
        assert status < 300, f"{method} {path}: {status} {answer}"
        return answer


class Writer(threading.Thread):
    """Creates leads until told to stop, each once; remembers which were acknowledged and what else was answered."""

    def __init__(self, api, source="writer"):
        super().__init__(daemon=True)
        self.source = source
        self.api, self.acknowledged, self.refusals, self.ended = api, {}, [], threading.Event()

    def run(self):
        number = 0
        while not self.ended.is_set():
            number += 1
            body = {"company": f"Company {number}", "externalSystem": self.source, "externalId": str(number)}
            try:
                status, headers, answer = self.api.send("POST", "/v1/leads", body)
            except OSError as error:
                self.refusals.append((None, {}, str(error)))
                continue
            if status == 201:
                self.acknowledged[answer["id"]] = answer["externalId"]
            else:
                self.refusals.append((status, headers, answer))
            # Some writes a second are enough to be in the middle of everything.
            self.ended.wait(0.01 if status == 201 else 0.1)

    def stop(self):
        self.ended.set()
        self.join()
        return self.acknowledged


class Converter(threading.Thread):
    """Makes leads and converts them at once: an act in three services."""

    def __init__(self, api):
        super().__init__(daemon=True)
        self.api, self.ended, self.done = api, threading.Event(), []

    def run(self):
        while not self.ended.is_set():
            lead = self.api.ok("POST", "/v1/leads", {"company": f"Converted {len(self.done)} Ltd", "person": "Ada"})
            amount = {"amount": "10.00", "currency": "USD"}
            answer = self.api.ok("POST", f"/v1/leads/{lead['id']}/convert", {"opportunity": {"amount": amount}})
            self.done.append((lead["id"], answer))

    def stop(self):
        self.ended.set()
        self.join()


class Server:
    """A PostgreSQL of its own, beside that of the platform."""

    def __init__(self, folder):
        self.settings = {"GUANXI_RUN_DIR": str(folder)}
        # One that an earlier run left behind would have its data.
        self.script("destroy")
        try:
            self.script("start")
            self.url = self.script("url").strip()
        except BaseException:
            self.script("destroy")
            raise

    def script(self, *command):
        return subprocess.run(
            [str(ROOT / "deploy" / "local" / "postgres.sh"), *command], env={**os.environ, **self.settings}, check=True,
            capture_output=True, text=True).stdout

    def database(self, name):
        return self.url.replace("/postgres?", f"/{name}?")

    def psql(self, database, statement):
        output = subprocess.run(
            ["psql", "-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", self.database(database)], input=statement,
            check=True, capture_output=True, text=True).stdout
        return output.splitlines()


class Platform:
    # What starts and stops it.
    system_type = System

    def __init__(self, name, log="postgres", settings=None):
        self.system = self.system_type(name, log)
        self.system.settings |= settings or {}
        try:
            self.system.start()
            environment = self.system.environment()
            self.port = int(environment["GUANXI_PORT"])
            self.operator = Caller(self.port, environment["GUANXI_OPERATOR_KEY"])
            # What the operators' tool is told.
            self.known = environment | {"GUANXI_DATABASE_URL": self.system.database("postgres")}
        except BaseException:
            # Half of it may run, and nobody else knows of it.
            self.system.stop(keep=False)
            raise

    def tenant(self, slug, role="admin", **more):
        self.operator.ok("POST", "/v1/tenants", {"slug": slug, "name": slug, "timeZone": "UTC", "currency": "USD"})
        return self.key(slug, role, **more)

    def internal(self, service):
        """The internal port of a service."""
        return Caller(self.system.internal_port(service))

    def key(self, slug, role, **more):
        made = self.operator.ok("POST", f"/v1/tenants/{slug}/api-keys", {"name": "test", "role": role, **more})
        caller = Caller(self.port, made["key"])
        caller.id = made["id"]
        return caller


def all_leads(api):
    """The ids of every lead of a tenant."""
    found, cursor = set(), ""
    while True:
        page = api.ok("GET", f"/v1/leads?limit=500&fields=id{cursor}")
        found |= {item["id"] for item in page["items"]}
        if page["nextCursor"] is None:
            return found
        cursor = f"&cursor={page['nextCursor']}"


def wait_for(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError("it did not come to be in time")
