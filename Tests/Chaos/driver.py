"""Writes through the gateway as many tenants at once and remembers every answer.

One thread writes for a few tenants, so that each object has one writer and its history is known. A call without an
answer is sent again, with the same `Idempotency-Key` or `If-Match`, until there is one. What must be refused is tried
too. Everything written carries a marker of its own, by which the checker finds it again.
"""

import http.client
import json
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

TIMEOUT = 15.0  # of an attempt
GIVE_UP_AFTER = 90.0
# "Try again": a service that is away (503, with a time to come again) or that died with a request in its hands (502).
AWAY = {502, 503}
TRANSIENT = {408, 429, *AWAY}
NO_JSON = "what is no JSON"


@dataclass
class Step:
    """One write and how it ended: `acked`, `refused` or `unknown`."""

    number: int
    tenant: str
    kind: str  # `lead.create`, `lead.patch`, …
    method: str
    path: str
    body: dict | None
    marker: str
    key: str | None = None
    object_id: str | None = None
    statuses: list = field(default_factory=list)  # of every attempt; None where no answer came
    outcome: str = "unknown"
    status: int | None = None
    answer: dict | None = None
    version: int | None = None
    began: float = 0.0
    ended: float = 0.0


class Journal:
    def __init__(self):
        self.lock, self.steps, self.oddities = threading.Lock(), [], []
        self.answers = Counter()  # attempts by status; None where no answer came

    def number(self, step):
        with self.lock:
            step.number = len(self.steps)
            self.steps.append(step)

    def answered(self, method, path, status, headers, answer):
        with self.lock:
            self.answers[status] += 1
        if wrong := oddity(status, headers, answer):
            self.odd(f"{method} {path} was answered by {wrong}: {answer}")

    def odd(self, text):
        """An answer that should not have been given, whatever happened meanwhile."""
        with self.lock:
            self.oddities.append(text)


class Caller:
    """One thread's connections to the gateways, which may come and go."""

    def __init__(self, ports):
        self.ports, self.connections, self.turn = ports, {}, 0

    def send(self, method, path, key, body, headers):
        """(status, headers, body) of one attempt; status None when no answer came."""
        ports = list(self.ports)
        self.turn += 1
        port = ports[self.turn % len(ports)]
        connection = self.connections.get(port)
        if connection is None:
            connection = self.connections[port] = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
        content = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        headers = {"Authorization": f"Bearer {key}", "Accept-Language": "en", **headers}
        if content is not None:
            headers["Content-Type"] = "application/merge-patch+json" if method == "PATCH" else "application/json"
        try:
            connection.request(method, path, content, headers)
            response = connection.getresponse()
            payload = response.read()
            if response.will_close:
                connection.close()
        except (OSError, http.client.HTTPException):
            connection.close()
            return None, {}, None
        try:
            return response.status, response.headers, json.loads(payload) if payload else None
        except ValueError:
            return response.status, response.headers, {NO_JSON: payload[:200].decode(errors="replace")}


def is_passing(status, headers, body):
    if status is None or status in TRANSIENT or status >= 500:
        return True
    return status == 409 and (headers.get("Retry-After") or "idempotency" in str((body or {}).get("code")))


def oddity(status, headers, answer=None):
    """What is wrong with an answer whatever is broken meanwhile: a mistake of a service's, or no word of when to come
    again."""
    if isinstance(answer, dict) and NO_JSON in answer:
        return f"{status} and no JSON"
    if status is None or status < 500 and status != 429:
        return None
    if status >= 500 and status not in AWAY:
        return f"{status}, which says that a service failed"
    return f"{status} without Retry-After" if status != 502 and not headers.get("Retry-After") else None


class Writer:
    """Writes for one tenant; knows what it made and each one's last version."""

    def __init__(self, tenant, key, setup, journal, caller, chance):
        self.tenant, self.key, self.setup = tenant, key, setup
        self.journal, self.caller, self.chance = journal, caller, chance
        self.leads, self.opportunities, self.accounts, self.orders = [], [], [], []
        self.acked_posts, self.count = [], 0

    def call(self, method, path, body, headers):
        """One attempt, whose answer is looked at for what no answer may be."""
        status, got, answer = self.caller.send(method, path, self.key, body, headers)
        self.journal.answered(method, path, status, got, answer)
        return status, got, answer

    # One write until it is answered for good.

    def write(self, kind, method, path, body, marker, expected, headers=None, object_id=None):
        step = Step(0, self.tenant, kind, method, path, body, marker, object_id=object_id, began=time.monotonic())
        self.journal.number(step)
        headers = dict(headers or {})
        if method == "POST":
            step.key = headers["Idempotency-Key"] = f"{self.tenant}-{step.number}"
        deadline = time.monotonic() + GIVE_UP_AFTER
        while True:
            status, got, answer = self.call(method, path, body, headers)
            step.statuses.append(status)
            if not is_passing(status, got, answer):
                break
            if time.monotonic() > deadline:
                self.journal.odd(f"{method} {path} was not answered in {GIVE_UP_AFTER:.0f} s: {step.statuses[-5:]}")
                return step
            time.sleep(min(float(got.get("Retry-After") or 0.2), 2.0) * self.chance.uniform(0.8, 1.2))
        step.ended, step.status, step.answer = time.monotonic(), status, answer
        step.outcome = "acked" if status < 300 else "refused"
        if step.outcome == "acked":
            step.version = int(got["ETag"].strip('"')) if got.get("ETag") else (answer or {}).get("version")
            step.object_id = step.object_id or (answer or {}).get("id")
            if method == "POST":
                self.acked_posts.append(step)
        if status not in expected:
            self.journal.odd(f"{method} {path} ({kind}) answered {status} {answer} after {step.statuses}")
        return step

    def marker(self):
        self.count += 1
        return f"mark-{self.tenant}-{self.count:06}"

    # What it does.

    def act(self):
        acts = [
            (self.create_lead, 10), (self.patch_lead, 8), (self.convert, 5), (self.create_account, 3),
            (self.create_order, 8), (self.create_opportunity, 4), (self.move, 7), (self.close, 2),
            (self.delete_lead, 2), (self.restore_lead, 1), (self.refused, 4), (self.again, 4)]
        act = self.chance.choices([act for act, _ in acts], [weight for _, weight in acts])[0]
        act()

    def create_lead(self):
        marker = self.marker()
        body = {"company": f"Company {marker}", "person": f"Person {marker}", "need": marker}
        if self.chance.random() < 0.5:
            body |= {"externalSystem": "chaos", "externalId": marker}
        step = self.write("lead.create", "POST", "/v1/leads", body, marker, {201})
        if step.outcome == "acked":
            self.leads.append({"id": step.object_id, "version": step.version, "state": "open"})

    def pick(self, objects, state="open"):
        """One of the last ones in a state: some objects get a long history."""
        found = [item for item in objects[-40:] if item["state"] == state]
        return self.chance.choice(found) if found else None

    def patch_lead(self):
        lead = self.pick(self.leads)
        if lead is None:
            return
        marker = self.marker()
        path = f"/v1/leads/{lead['id']}"
        for _ in range(4):
            step = self.write(
                "lead.patch", "PATCH", path, {"need": marker}, marker, {200, 412},
                {"If-Match": f'"{lead["version"]}"'}, lead["id"])
            if step.outcome == "acked":
                lead["version"] = step.version
                return
            if step.status != 412:
                return
            # Ours, whose answer was lost, or a change by the services themselves.
            status, _, now = self.call("GET", path, None, {})
            while is_passing(status, {}, now):
                time.sleep(0.2)
                status, _, now = self.call("GET", path, None, {})
            if status != 200:
                self.journal.odd(f"GET {path} answered {status} {now}")
                return
            lead["version"] = now["version"]
            if now["need"] == marker:
                step.outcome, step.version = "acked", now["version"]
                return

    def convert(self):
        lead = self.pick(self.leads)
        if lead is None:
            return
        marker = self.marker()
        body = {
            "account": {"name": f"Account {marker}", "description": marker},
            "opportunity": {"name": f"Opportunity {marker}", "description": marker}}
        step = self.write(
            "lead.convert", "POST", f"/v1/leads/{lead['id']}/convert", body, marker, {201, 202}, None, lead["id"])
        if step.outcome == "acked":
            lead["state"] = "converting"

    def create_account(self):
        marker = self.marker()
        body = {"name": f"Account {marker}", "description": marker}
        step = self.write("account.create", "POST", "/v1/accounts", body, marker, {201})
        if step.outcome == "acked":
            self.accounts.append({"id": step.object_id, "state": "open"})

    def create_order(self):
        account = self.pick(self.accounts)
        if account is None:
            return
        marker = self.marker()
        body = {
            "accountId": account["id"], "orderedOn": "2026-06-30", "description": marker,
            "amount": {"amount": f"{self.chance.randrange(0, 100000) / 100:.2f}", "currency": "CNY"}}
        if self.chance.random() < 0.5:
            body |= {"externalSystem": "chaos", "externalId": marker}
        step = self.write("order.create", "POST", "/v1/orders", body, marker, {201})
        if step.outcome == "acked":
            self.orders.append({"id": step.object_id, "version": step.version, "state": "open"})

    def create_opportunity(self):
        marker = self.marker()
        body = {"name": f"Opportunity {marker}", "description": marker, "pipelineId": self.setup["pipelineId"],
                "stage": "one"}
        step = self.write("opportunity.create", "POST", "/v1/opportunities", body, marker, {201})
        if step.outcome == "acked":
            self.opportunities.append(
                {"id": step.object_id, "version": step.version, "state": "open", "stage": "one"})

    def move(self):
        deal = self.pick(self.opportunities)
        if deal is None:
            return
        stage = self.chance.choice([stage for stage in ("one", "two", "three") if stage != deal["stage"]])
        step = self.write(
            "opportunity.move", "POST", f"/v1/opportunities/{deal['id']}/move", {"stage": stage}, "", {200}, None,
            deal["id"])
        if step.outcome == "acked":
            deal["stage"], deal["version"] = stage, step.version

    def close(self):
        deal = self.pick(self.opportunities)
        if deal is None:
            return
        verb = self.chance.choice(["win", "lose"])
        body = {"amount": {"amount": "10.00", "currency": "CNY"}} if verb == "win" else {"reason": "price"}
        step = self.write(
            f"opportunity.{verb}", "POST", f"/v1/opportunities/{deal['id']}/{verb}", body, "", {200}, None, deal["id"])
        if step.outcome == "acked":
            deal["state"] = "closed"

    def delete_lead(self):
        lead = self.pick(self.leads)
        if lead is None:
            return
        step = self.write("lead.delete", "DELETE", f"/v1/leads/{lead['id']}", None, "", {204, 404}, None, lead["id"])
        if step.status == 404 and len(step.statuses) > 1:
            step.outcome = "acked"  # by an attempt whose answer was lost
        if step.outcome == "acked":
            lead["state"] = "deleted"

    def restore_lead(self):
        lead = self.pick(self.leads, "deleted")
        if lead is None:
            return
        step = self.write(
            "lead.restore", "POST", f"/v1/leads/{lead['id']}/restore", None, "", {200}, None, lead["id"])
        if step.outcome == "acked":
            lead["state"], lead["version"] = "open", step.version

    def refused(self):
        """What must leave no trace."""
        marker = self.marker()
        lead, choice = self.pick(self.leads), self.chance.randrange(3)
        if choice == 0:
            body = {"company": f"Company {marker}", "need": marker, "amount": {"amount": "-1.00", "currency": "CNY"}}
            self.write("lead.refused", "POST", "/v1/leads", body, marker, {422})
        elif choice == 1 and lead and lead["version"]:
            self.write(
                "lead.refused", "PATCH", f"/v1/leads/{lead['id']}", {"need": marker}, marker, {412},
                {"If-Match": f'"{lead["version"] + 1000}"'})
        else:
            body = {"accountId": "01890000-0000-7000-8000-000000000000", "orderedOn": "2026-06-30",
                    "description": marker, "amount": {"amount": "1.00", "currency": "CNY"}}
            self.write("order.refused", "POST", "/v1/orders", body, marker, {422, 404})

    def again(self):
        """The same request with the same key: one effect and the same answer."""
        if not self.acked_posts:
            return
        self.repeat(self.chance.choice(self.acked_posts[-200:]))

    def repeat(self, step):
        deadline = time.monotonic() + GIVE_UP_AFTER
        while True:
            status, headers, answer = self.call(step.method, step.path, step.body, {"Idempotency-Key": step.key})
            if not is_passing(status, headers, answer):
                break
            if time.monotonic() > deadline:
                self.journal.odd(f"{step.path} with key {step.key} was not answered again")
                return
            time.sleep(0.2)
        if step.kind == "lead.convert" and step.status == 202:
            return  # it was going on then; now it may be done
        if (status, answer) != (step.status, step.answer):
            self.journal.odd(
                f"{step.kind} {step.path} with key {step.key}: {status} {answer}, first {step.status} {step.answer}")


class Driver:
    def __init__(self, tenants, ports, seed, rate, threads=10):
        """`tenants`: (id, key, setup) of each; `ports`: a list of the gateways' that may change."""
        self.journal, self.stopping = Journal(), threading.Event()
        self.writers, self.threads = [], []
        threads = min(threads, len(tenants))
        self.pause = threads / rate
        for number in range(threads):
            chance, caller = random.Random(f"{seed}/{number}"), Caller(ports)
            own = [Writer(*tenant, self.journal, caller, chance) for tenant in tenants[number::threads]]
            self.writers += own
            self.threads.append(threading.Thread(target=self.run, args=(own, chance), daemon=True))

    def start(self):
        for thread in self.threads:
            thread.start()

    def run(self, writers, chance):
        while not self.stopping.is_set():
            began = time.monotonic()
            try:
                chance.choice(writers).act()
            except Exception as error:  # a mistake of the driver's must not look like success
                self.journal.odd(f"the driver failed: {error!r}")
                raise
            self.stopping.wait(max(0.0, self.pause - (time.monotonic() - began)))

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(GIVE_UP_AFTER + TIMEOUT)

    def repeat_all(self, most=2000):
        """Every acknowledged request once more (a sample of them), now that all is quiet."""
        for writer in self.writers:
            for step in writer.acked_posts[::max(1, len(writer.acked_posts) * len(self.writers) // most)]:
                writer.repeat(step)
