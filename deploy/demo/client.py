"""A small client of the API for scripts: keep-alive, and patient because every call is idempotent."""

import hashlib
import http.client
import json
import random
import threading
import time
from urllib.parse import quote, urlencode, urlsplit

# Answers that say "not now": the same call is sent again.
TRANSIENT = {429, 502, 503, 504}
LONGEST_WAIT = 5.0


class ApiError(Exception):
    """A refusal, or a service that did not come back in time."""

    def __init__(self, call, status, problem):
        self.status, self.problem = status, problem
        self.code = problem.get("code") if isinstance(problem, dict) else None
        super().__init__(f"{call}: {status} {self.text()}")

    def text(self):
        if not isinstance(self.problem, dict):
            return str(self.problem)
        errors = "; ".join(
            f"{error.get('path')}: {error.get('message')}" for error in self.problem.get("errors") or [])
        detail = self.problem.get("detail") or self.problem.get("title") or ""
        return f"{detail} ({errors})" if errors else detail


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body


class Api:
    """One caller of one gateway. Threads may share it: each has its own connection.

    `patience` is how many seconds a call may go on being sent while the service is away.
    """

    def __init__(self, url, key, patience=120.0):
        self.url, parts = url, urlsplit(url)
        self.secure, self.host, self.port = parts.scheme == "https", parts.hostname, parts.port
        self.key, self.patience = key, patience
        self.retries = 0
        self.local = threading.local()

    def get(self, path, **query):
        return self.call("GET", path + ("?" + urlencode(query) if query else "")).body

    def post(self, path, body=None, attempt=0):
        return self.call("POST", path, body, attempt).body

    def put(self, path, body):
        return self.call("PUT", path, body).body

    def patch(self, path, body):
        return self.call("PATCH", path, body).body

    def list(self, path, **query):
        """Every object of a list, page by page."""
        cursor = None
        while True:
            page = self.get(path, **{"limit": 500, **query, **({"cursor": cursor} if cursor else {})})
            yield from page["items"]
            cursor = page["nextCursor"]
            if cursor is None:
                return

    def call(self, method, path, body=None, attempt=0):
        """Sends a call until it is answered for good. The Idempotency-Key names the call by its
        content, so that a repeat after a lost answer, or by another run, changes nothing;
        `attempt` makes it a new call."""
        content = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        headers = {"Authorization": f"Bearer {self.key}", "Accept-Language": "en"}
        if content is not None:
            headers["Content-Type"] = "application/merge-patch+json" if method == "PATCH" else "application/json"
        if method == "POST":
            name = f"{path}\n{attempt}\n".encode() + (content or b"")
            headers["Idempotency-Key"] = hashlib.sha256(name).hexdigest()[:40]
        deadline, wait = time.monotonic() + self.patience, 0.1
        while True:
            answer = self._once(method, path, content, headers)
            if not self._transient(answer):
                break
            if time.monotonic() > deadline:
                break
            self.retries += 1
            time.sleep(min(float(answer.headers.get("Retry-After") or wait), LONGEST_WAIT))
            wait = min(wait * 2, LONGEST_WAIT) * random.uniform(0.8, 1.2)
        if answer.status is None or answer.status >= 400:
            raise ApiError(f"{method} {path}", answer.status, answer.body)
        return answer

    @staticmethod
    def _transient(answer):
        running = answer.status == 409 and (answer.body or {}).get("code") == "requestInProgress"
        return answer.status is None or answer.status in TRANSIENT or running

    def _once(self, method, path, content, headers):
        """One try; status None means that no answer came."""
        connection = getattr(self.local, "connection", None)
        if connection is None:
            kind = http.client.HTTPSConnection if self.secure else http.client.HTTPConnection
            connection = self.local.connection = kind(self.host, self.port, timeout=60)
        try:
            connection.request(method, path, content, headers)
            response = connection.getresponse()
            payload = response.read()
            if response.will_close:
                connection.close()
            return Answer(response.status, response.headers, decode(payload))
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return Answer(None, {}, {"detail": f"no answer from {self.host}:{self.port} ({error!r})"})


def decode(payload):
    if not payload:
        return None
    try:
        return json.loads(payload)
    except ValueError:
        return {"detail": payload[:200].decode(errors="replace")}


def segment(text):
    """A path segment that stands for any text."""
    return quote(text, safe="")
