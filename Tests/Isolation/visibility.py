"""Within a tenant: who sees own, team or subtree reaches nobody else's records."""

import json

from judge import Judge
from wire import bearer
from world import UUID


class Colleague:
    """A person whose records others must not see; what the judge looks for."""

    def __init__(self, tenant, name, canary, **more):
        self.slug, self.canary, self.secrets = name, canary, []
        self.user = tenant.user(name, **more)
        owned = {"ownerId": self.user["id"], **({"teamId": more["teamId"]} if "teamId" in more else {})}
        lead = tenant.make("leads", company=f"{canary} lead", need=canary, externalSystem=name, externalId="1", **owned)
        tenant.make(f"leads/{lead['id']}/activities", kind="note", text=canary)
        account = tenant.make("accounts", name=f"{canary} account", externalSystem=name, externalId="1", **owned)
        opportunity = tenant.make(
            "opportunities", name=f"{canary} opportunity", accountId=account["id"], externalSystem=name,
            externalId="1", **owned)
        contact = tenant.make(
            "contacts", name=f"{canary} contact", accountId=account["id"], externalSystem=name, externalId="1", **owned)
        order = tenant.make(
            "orders", accountId=account["id"], orderedOn="2026-01-02", amount={"amount": "5.00", "currency": "USD"},
            description=canary, externalSystem=name, externalId="1", **owned)
        # Of nobody: seen with its customer.
        tenant.make(
            "orders", accountId=account["id"], orderedOn="2026-01-03", amount={"amount": "6.00", "currency": "USD"},
            description=canary, externalSystem=name, externalId="2")
        self.owned = {
            "leads": lead, "accounts": account, "opportunities": opportunity, "contacts": contact, "orders": order}
        self.watched = {item["id"] for item in self.owned.values()}


class Visibility:
    def __init__(self, gateway, judge, operations, tenant):
        self.gateway, self.judge, self.operations, self.tenant = gateway, judge, operations, tenant
        c = tenant.canary
        upper = tenant.make("teams", name=f"{c} upper")
        lower = tenant.make("teams", name=f"{c} lower", parentId=upper["id"])
        aside = tenant.make("teams", name=f"{c} aside")
        self.low = Colleague(tenant, "low", "cnryaaaaaaaaaaaa0001", role="sales", teamId=lower["id"])
        self.beside = Colleague(tenant, "beside", "cnryaaaaaaaaaaaa0002", role="sales", teamId=lower["id"])
        self.other = Colleague(tenant, "other", "cnryaaaaaaaaaaaa0003", role="sales", teamId=aside["id"])
        self.head = Colleague(tenant, "head", "cnryaaaaaaaaaaaa0004", role="manager", teamId=upper["id"])

    def attempts(self):
        for person, hidden, seen in (
                (self.low, [self.beside, self.other, self.head], [self.low]), (self.other, [self.low, self.head], []),
                (self.head, [self.other], [self.head, self.low, self.beside])):
            watcher = Judge(hidden)
            for operation in self.operations:
                if operation.collection in ("leads", "accounts", "opportunities", "contacts", "orders", "analytics"):
                    yield from self.one(operation, person, hidden, watcher)
            for colleague in seen:
                yield lambda p=person, s=colleague: self.sees(p, s)

    def one(self, operation, person, hidden, watcher):
        for colleague in hidden:
            record = colleague.owned.get(operation.collection)
            if operation.names and record is not None:
                values = {"id": record["id"], "system": colleague.slug, "externalId": "1"}
                yield lambda v=values, c=colleague: self.ask(operation, person, c, watcher, v)
                if "code" in record and "id" in operation.names:
                    yield lambda c=colleague, code=record["code"]: self.ask(
                        operation, person, c, watcher, {"id": code}, allowed={400, 403, 404, 405, 415, 422})
            if record is not None and operation.method == "POST" and operation.path in (
                    f"/v1/{operation.collection}", f"/v1/{operation.collection}/bulk"):
                # Told anew by who does not see it: what is there takes up nothing and shows nothing.
                told = {**operation.sample(), "externalSystem": colleague.slug, "externalId": "1"}
                if operation.collection in ("contacts", "orders"):
                    told["accountId"] = colleague.owned["accounts"]["id"]
                yield lambda c=colleague, t=told: self.ask(operation, person, c, watcher, {}, told=t)
        if operation.method == "GET" and not operation.names:
            for query in ([], [("q", "cnryaaaaaaaaaaaa")], [("limit", "500"), ("expand", "owner")],
                          [("ownerId", hidden[0].user["id"])], [("teamId.isNull", "false")], [("groupBy", "owner")]):
                yield lambda q=query: self.ask(operation, person, hidden[0], watcher, {}, q)

    def ask(self, operation, person, colleague, watcher, values, query=(), allowed=None, told=None):
        media, content = operation.content(told)
        answer = self.gateway.send(
            operation.method, operation.target(values, query), [bearer(person.user["accessToken"]), *media], content)
        what = f"{operation.id} of {colleague.slug} as {person.slug} {values or query}"
        if "id" in values:
            # That an external id is taken cannot be hidden: it is unique in the tenant.
            allowed = {400, 403, 404, 405, 415, 422} | ({409} if operation.id.startswith("put") else set())
        before = len(watcher.through)
        watcher.look("own, team, subtree", what, answer, sent=json.dumps([values, query, told]), allowed=allowed)
        reason = watcher.through[before][2] if len(watcher.through) > before else None
        self.judge.note("own, team, subtree", what, reason, answer.status, answer.text)

    def sees(self, person, colleague):
        """The other way round: what one may see, one sees."""
        for collection, record in colleague.owned.items():
            answer = self.gateway.send(
                "GET", f"/v1/{collection}/{record['id']}", [bearer(person.user["accessToken"])])
            reason = None if answer.status == 200 and record["id"] in UUID.findall(answer.text) else "it is not seen"
            self.judge.saw("own, team, subtree", f"{collection} as {person.slug}", reason, answer.text)
