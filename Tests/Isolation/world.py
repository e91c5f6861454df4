"""The tenants of an attack. Everything that a tenant can hold carries its canary, a word found nowhere else."""

import json
import re
import time

from wire import bearer

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# Where what is made is listed again, and which `x-references` name it.
COLLECTIONS = {
    "teams": "team", "users": "user", "business-lines": "businessLine", "sources": "source", "products": "product",
    "pipelines": "pipeline", "leads": "lead", "accounts": "account", "contacts": "contact",
    "opportunities": "opportunity", "orders": "order", "targets": "target", "assignment-rules": "assignmentRule",
    "grade-rules": "gradeRule", "api-keys": "apiKey"}
PASSWORD = "a long enough passphrase 17"


class Tenant:
    """A tenant with an administrator who logs in and a machine's key, both of which may do everything in it."""

    def __init__(self, gateway, operator, slug, random):
        self.gateway, self.slug = gateway, slug
        self.canary = "cnry" + "".join(random.choices("0123456789abcdef", k=16))
        self.secrets, self.objects = [], {}
        made = self.call(
            "POST", "/v1/tenants", {"slug": slug, "name": f"{self.canary} Ltd", "timeZone": "UTC", "currency": "USD"},
            key=operator)
        self.id = made["id"]
        key = self.call("POST", f"/v1/tenants/{slug}/api-keys", {"name": self.canary, "role": "admin"}, key=operator)
        self.key, self.key_id = key["key"], key["id"]
        self.secrets.append(self.key)

    def call(self, method, path, body=None, key=None, media="application/json"):
        content = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        headers = [bearer(key or self.key)] + ([("Content-Type", media)] if content is not None else [])
        answer = self.gateway.send(method, path, headers, content)
        assert 200 <= answer.status < 300, f"{method} {path}: {answer.status} {answer.text}"
        return answer.json

    def make(self, path, **body):
        return self.call("POST", f"/v1/{path}", body)

    def user(self, name, role, **more):
        """A user with a password, logged in; answers the user with its token."""
        made = self.make("users", login=f"{name}-{self.canary}", name=f"{name} {self.canary}", role=role, **more)
        reset = self.call("POST", f"/v1/users/{made['id']}/password-reset")
        self.call("POST", reset["url"], {"password": PASSWORD})
        pair = self.call(
            "POST", "/v1/sessions", {"tenant": self.slug, "user": made["login"], "password": PASSWORD})
        self.secrets += [reset["token"], pair["accessToken"], pair["refreshToken"]]
        return {**made, **pair}

    def populate(self):
        """Something in every collection. External ids and codes are the same in every tenant: only the tenant tells
        them apart."""
        c = self.canary
        team = self.make("teams", name=c, region=c)
        inner = self.make("teams", name=f"{c} inner", parentId=team["id"])
        line = self.make("business-lines", key=c, name=c)
        self.admin = self.user("admin", "admin")
        self.seller = self.user("seller", "sales", teamId=inner["id"], managerId=self.admin["id"])
        self.make("sources", key=c, name=c)
        product = self.make("products", name=c, externalSystem="crm", externalId="1")
        owned = {"ownerId": self.seller["id"], "teamId": inner["id"], "businessLineId": line["id"]}
        for number in ("1", "2", "3"):
            self.make(
                "leads", company=f"{c} {number} company", person=c, email=f"{c}{number}@example.com", source=c, need=c,
                externalSystem="crm", externalId=number, **owned)
        account = self.make("accounts", name=c, externalSystem="crm", externalId="1", source=c, **owned)
        contact = self.make("contacts", name=c, accountId=account["id"], externalSystem="crm", externalId="1")
        opportunity = self.make(
            "opportunities", name=c, accountId=account["id"], contactId=contact["id"], externalSystem="crm",
            externalId="1", amount={"amount": "17.00", "currency": "USD"}, **owned)
        self.make(
            "orders", accountId=account["id"], orderedOn="2026-01-02", amount={"amount": "5.00", "currency": "USD"},
            externalSystem="crm", externalId="1", productId=product["id"], opportunityId=opportunity["id"],
            description=c)
        self.make("targets", period="2026-11", amount={"amount": "9.00", "currency": "USD"}, ownerId=self.seller["id"])
        self.make("assignment-rules", name=c, assign={"teamId": inner["id"]}, active=False)
        self.make("grade-rules", name=c, points=1, active=False)
        self.make("api-keys", name=f"{c} second", role="sales")
        lead = self.call("GET", "/v1/leads/by-external/crm/3")
        self.make(f"leads/{lead['id']}/activities", kind="note", text=c)
        self.imported = self.call(
            "POST", "/v1/leads/imports", f"company,person\n{c} imported,{c}\n".encode(), media="text/csv")
        self.wait_for(lambda: self.call("GET", f"/v1/leads/imports/{self.imported['id']}")["status"] == "done")
        self.look()

    def look(self):
        """Learns every object, and every id that is this tenant's."""
        for collection in COLLECTIONS:
            self.objects[collection] = self.call("GET", f"/v1/{collection}?limit=100")["items"]
        self.cursors = {
            collection: self.call("GET", f"/v1/{collection}?limit=1")["nextCursor"] for collection in COLLECTIONS}
        self.ids = set(UUID.findall(json.dumps(self.objects)))

    def of(self, kind):
        """The ids of a kind of object, as `x-references` calls it, with which attempts are made: every second one. The
        others an attacker never names, so that they cannot come back to him."""
        collection = next((path for path, name in COLLECTIONS.items() if name == kind), "leads")
        return [item["id"] for item in self.objects[collection]][::2]

    @property
    def watched(self):
        return self.ids - {one for kind in COLLECTIONS.values() for one in self.of(kind)} - {
            self.key_id, self.admin["id"], self.imported["id"]}

    @staticmethod
    def wait_for(condition, seconds=60):
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it did not come to be in time"
            time.sleep(0.05)
