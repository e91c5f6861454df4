"""Ids of another tenant wherever an operation takes one: path, query, filter, cursor, body, rows, files, versions."""

import json
import uuid

from judge import alike
from wire import bearer
from world import COLLECTIONS

REFUSED = {400, 401, 403, 404, 405, 409, 412, 413, 415, 422}


class Objects:
    """`callers` are (name, secret) of tenant A; everything is tried as each of them."""

    def __init__(self, gateway, judge, operations, mine, theirs, third, random):
        self.gateway, self.judge, self.operations = gateway, judge, operations
        self.mine, self.theirs, self.third, self.random = mine, theirs, third, random
        self.callers = [("key", mine.key), ("user", mine.admin["accessToken"])]
        self.seller = ("seller", mine.seller["accessToken"])

    def attempts(self):
        for operation in self.operations:
            for caller in self.callers:
                yield from self.paths(operation, caller)
                yield from self.queries(operation, caller)
                yield from self.bodies(operation, caller)
            yield from self.plain(operation)

    def send(self, operation, secret, target, body=None, headers=()):
        media, content = operation.content(body)
        return self.gateway.send(operation.method, target, [bearer(secret), *media, *headers], content)

    def kinds(self, operation):
        """The kinds of B's objects whose ids an operation's path is tried with: its own, and some others."""
        own = COLLECTIONS.get(operation.collection)
        others = self.random.sample(sorted(set(COLLECTIONS.values()) - {own}), 2)
        return ([own] if own else []) + others

    def paths(self, operation, caller):
        if "id" not in operation.names and "token" not in operation.names:
            return
        ids = [self.random.choice(self.theirs.of(kind)) for kind in self.kinds(operation)]
        ids += [self.theirs.id, self.theirs.slug, self.theirs.key_id, self.theirs.imported["id"]]
        for theirs in ids:
            yield lambda theirs=theirs: self.twins(operation, caller, theirs)
            if "If-Match" in operation.headers:
                yield lambda theirs=theirs: self.twins(operation, caller, theirs, [("If-Match", '"1"')], "If-Match")
        upper = ids[0].upper()
        yield lambda: self.twins(operation, caller, upper)

    def twins(self, operation, caller, theirs, headers=(), kind="id in path"):
        """B's id and one that nobody has must be answered alike."""
        absent = str(uuid.uuid4()) if len(theirs) == 36 else "zz" + theirs[2:]
        absent = absent.upper() if theirs.isupper() else absent
        answers = [
            self.send(operation, caller[1], operation.target({"id": one, "token": one}), headers=headers)
            for one in (theirs, absent)]
        what = f"{operation.method} {operation.target({'id': theirs, 'token': theirs})} as {caller[0]}"
        self.judge.look(kind, what, answers[0], sent=theirs, allowed=REFUSED)
        texts = [alike(answer, [sent, sent.lower()]) for answer, sent in zip(answers, (theirs, absent))]
        if texts[0] != texts[1]:
            self.judge.find(kind, f"{what}: unlike an absent one", f"{texts[0]} / {texts[1]}")

    def queries(self, operation, caller):
        if operation.names and operation.method != "GET":
            return
        theirs = self.random.choice(self.theirs.of(COLLECTIONS.get(operation.collection, "lead")))
        own = {"id": self.random.choice(self.mine.of(COLLECTIONS.get(operation.collection, "lead")))}
        values = [theirs, self.theirs.id, self.theirs.canary, f"{theirs}:1", f"t_{self.theirs.id}.leads"]
        names = [(name, values) for name in operation.queries]
        names += [(name, [theirs, self.theirs.id]) for name in ("tenant", "tenantId", "tenant_id", "schema", "role")]
        if operation.has_filters:
            names += [
                (name + suffix, [theirs if "d" in name else self.theirs.canary])
                for name in operation.filters() for suffix in ("", ".ne", ".contains", ".isNull")]
        for name, values in names:
            for value in values:
                yield lambda name=name, value=value: self.query(operation, caller, own, name, value)
        for cursor in filter(None, self.theirs.cursors.values()) if "cursor" in operation.queries else ():
            yield lambda cursor=cursor: self.query(operation, caller, own, "cursor", cursor, "cursor")

    def query(self, operation, caller, own, name, value, kind="id in query"):
        answer = self.send(operation, caller[1], operation.target(own, [(name, value)]))
        self.judge.look(kind, f"{operation.method} {operation.path}?{name}={value} as {caller[0]}", answer, sent=value)

    def bodies(self, operation, caller):
        if operation.media is None or operation.media == "text/csv" or operation.schema is None:
            return
        own = {"id": self.random.choice(self.mine.of(COLLECTIONS.get(operation.collection, "lead")))}
        for path, kind in operation.references():
            theirs = self.random.choice(self.theirs.of(kind))
            yield lambda path=path, theirs=theirs: self.body(operation, caller, own, path, theirs)
        for name in ("id", "tenant", "tenantId", "tenant_id", "schema"):
            value = self.random.choice(self.theirs.of("lead")) if name == "id" else self.theirs.id
            yield lambda name=name, value=value: self.body(operation, caller, own, (name,), value)

    def body(self, operation, caller, own, path, theirs):
        """A reference to B's object is refused as one to nothing is."""
        absent = str(uuid.uuid4()) if len(theirs) == 36 else "zz" + theirs[2:]
        target = operation.target(own)
        answers = [
            self.send(operation, caller[1], target, operation.with_field(path, one)) for one in (theirs, absent)]
        what = f"{operation.method} {operation.path} {'/'.join(path)}={theirs} as {caller[0]}"
        self.judge.look("id in body", what, answers[0], sent=theirs)
        if answers[0].status != answers[1].status and {answers[0].status, answers[1].status} - {200, 201, 409, 422}:
            self.judge.find("id in body", f"{what}: unlike an absent one", f"{answers[0].text} / {answers[1].text}")

    def plain(self, operation):
        """As it is meant, by everybody: what it shows is the caller's own. What is A's own may go away by it."""
        for name, secret in [*self.callers, self.seller]:
            if operation.permission in ("tenants.manage", "platform.operate"):
                yield lambda secret=secret, name=name: self.judge.look(
                    "operators' routes", f"{operation.id} as {name}",
                    self.send(operation, secret, operation.target({"id": self.theirs.slug})), allowed=REFUSED,
                    sent=self.theirs.slug)
            elif operation.method == "GET":
                yield lambda secret=secret, name=name: self.judge.look(
                    "as it is meant", f"{operation.id} as {name}", self.send(operation, secret, operation.target()))

    # Further ways in.

    def special(self):
        for kind in ("lead", "account", "opportunity", "contact", "order", "user", "team"):
            for theirs_id in self.theirs.of(kind):
                yield from self.conversions(theirs_id)
                yield from self.rules(theirs_id)
                yield from self.files(theirs_id)
        for report in ("leads", "opportunities", "customers"):
            for group in (
                    "product", "owner", "manager", "region", "account", "stage", "source", "grade", "businessLine",
                    "lifecycle", "day", "owner,region"):
                yield lambda report=report, group=group: self.drill(report, group)

    def repeats(self):
        for collection in ("leads", "accounts", "orders"):
            yield lambda collection=collection: self.replay(collection)

    def conversions(self, theirs_id):
        for part, member in (
                ("account", "id"), ("account", "parentId"), ("account", "ownerId"), ("contact", "id"),
                ("contact", "accountId"), ("opportunity", "pipelineId"), ("opportunity", "accountId")):
            def attempt(part=part, member=member):
                lead = self.mine.make("leads", company=f"conv {uuid.uuid4()}")
                self.mine.make(f"leads/{lead['id']}/qualify")
                body = json.dumps({part: {member: theirs_id}}).encode()
                answer = self.gateway.send(
                    "POST", f"/v1/leads/{lead['id']}/convert",
                    [bearer(self.mine.key), ("Content-Type", "application/json")], body)
                self.judge.look("conversion", f"convert {part}.{member}={theirs_id}", answer, sent=theirs_id)
            yield attempt

    def rules(self, theirs_id):
        for assign in ({"userId": theirs_id}, {"teamId": theirs_id}):
            body = json.dumps({"name": "x", "assign": assign, "active": False}).encode()
            yield lambda body=body: self.judge.look(
                "rules", f"assignment rule {body}", self.gateway.send(
                    "POST", "/v1/assignment-rules",
                    [bearer(self.mine.key), ("Content-Type", "application/json")], body), sent=theirs_id)

    def files(self, theirs_id):
        """A CSV whose cells name B's things: what becomes of its rows shows nothing of them."""
        columns = {
            "leads": "company,ownerId,teamId,businessLineId,externalSystem,externalId,id,tenant",
            "accounts": "name,ownerId,parentId,teamId,externalSystem,externalId,id,tenant",
            "orders": "accountId,productId,opportunityId,orderedOn,amount,accountExternalSystem,accountExternalId"}
        for collection, heading in columns.items():
            cells = [theirs_id if name.endswith(("Id", "id")) else self.theirs.id for name in heading.split(",")]
            text = f"{heading}\n{','.join(cells)}\n"
            def attempt(collection=collection, text=text):
                answer = self.gateway.send(
                    "POST", f"/v1/{collection}/imports", [bearer(self.mine.key), ("Content-Type", "text/csv")],
                    text.encode())
                self.judge.look("files", f"import of {collection} {text}", answer, sent=text)
                if answer.status == 202:
                    job = answer.json["id"]
                    self.mine.wait_for(lambda: self.mine.call("GET", f"/v1/{collection}/imports/{job}")["status"]
                                       in ("done", "failed"))
                    rows = self.gateway.send(
                        "GET", f"/v1/{collection}/imports/{job}/rows", [bearer(self.mine.key)])
                    self.judge.look("files", f"rows of {collection} {text}", rows, sent=text)
            yield attempt

    def drill(self, report, group):
        """Every figure of a report, and the list behind it."""
        answer = self.gateway.send(
            "GET", f"/v1/analytics/{report}?groupBy={group}", [bearer(self.mine.key)])
        self.judge.look("reports", f"{report} by {group}", answer)
        found = answer.json or {}
        for place in [*found.get("groups", []), found.get("total", {})]:
            for link in (place.get("drill") or {}).values():
                if isinstance(link, str):
                    self.judge.look("reports", f"drill {link}", self.gateway.send("GET", link, [bearer(self.mine.key)]))

    def replay(self, collection):
        """The same Idempotency-Key and body in two tenants: two effects, each with its own answer."""
        body = {"leads": {"company": "the same"}, "accounts": {"name": "the same"},
                "orders": {"accountExternalSystem": "crm", "accountExternalId": "1", "orderedOn": "2026-01-02",
                           "amount": {"amount": "5.00", "currency": "USD"}}}[collection]
        for number in range(5):
            headers = [("Content-Type", "application/json"), ("Idempotency-Key", f"key-{number}")]
            made = [
                self.gateway.send(
                    "POST", f"/v1/{collection}", [bearer(tenant.key), *headers], json.dumps(body).encode())
                for tenant in (self.third, self.mine)]
            shown = [answer.json.get("id") if answer.json else None for answer in made]
            reason = "the answer of another tenant" if shown[0] == shown[1] else None
            if any(answer.status not in (200, 201) for answer in made):
                reason = f"it was not made twice: {[answer.status for answer in made]}"
            self.judge.note("Idempotency-Key", f"{collection} {number}", reason, made[1].status, made[1].text)
