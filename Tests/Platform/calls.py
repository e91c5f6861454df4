"""The gateway of a running system from outside: callers, tenants and keys, and waiting for what comes to be."""

import http.client
import json
import sys
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


class Platform:
    def __init__(self, name="api-test", log="postgres"):
        self.system = System(name, log)
        self.system.start()
        environment = self.system.environment()
        self.port = int(environment["GUANXI_PORT"])
        self.operator = Caller(self.port, environment["GUANXI_OPERATOR_KEY"])

    def tenant(self, slug, role="admin", **more):
        self.operator.ok("POST", "/v1/tenants", {"slug": slug, "name": slug, "timeZone": "UTC", "currency": "USD"})
        return self.key(slug, role, **more)

    def key(self, slug, role, **more):
        made = self.operator.ok("POST", f"/v1/tenants/{slug}/api-keys", {"name": "test", "role": role, **more})
        caller = Caller(self.port, made["key"])
        caller.id = made["id"]
        return caller


def wait_for(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError("it did not come to be in time")
