"""Many tenants at once on the same connections, pools and caches: every answer carries its own tenant's canary."""

import json
import re

from wire import bearer

CANARY = re.compile(r"cnry[0-9a-f]{16}")


class Crowd:
    def __init__(self, gateway, judge, tenants, random):
        self.gateway, self.judge, self.tenants, self.random = gateway, judge, tenants, random

    def populate(self, tenant):
        c = tenant.canary
        tenant.lead = tenant.make("leads", company=c, person=c, source="web", externalSystem="crm", externalId="1")
        tenant.account = tenant.make("accounts", name=c, externalSystem="crm", externalId="1")
        return tenant

    def attempts(self, count):
        for number in range(count):
            tenant = self.tenants[number % len(self.tenants)]
            kind = self.random.choice(("me", "list", "id", "external", "search", "account", "write", "replay", "patch"))
            yield lambda tenant=tenant, kind=kind, number=number: self.ask(tenant, kind, number)

    def ask(self, tenant, kind, number):
        c, media = tenant.canary, [("Content-Type", "application/json")]
        method, target, headers, body = {
            "me": ("GET", "/v1/me", [], None),
            "list": ("GET", "/v1/leads?limit=50&sort=-createdAt", [], None),
            "id": ("GET", f"/v1/leads/{tenant.lead['id']}", [], None),
            "external": ("GET", "/v1/leads/by-external/crm/1", [], None),
            "search": ("GET", "/v1/leads?q=cnry&count=exact", [], None),
            "account": ("GET", "/v1/accounts/by-external/crm/1", [], None),
            "write": ("POST", "/v1/leads", media, {"company": f"{c} {number}"}),
            # The same key in every tenant.
            "replay": ("POST", "/v1/accounts", [*media, ("Idempotency-Key", "the-same")], {"name": f"{c} again"}),
            "patch": ("PATCH", f"/v1/accounts/{tenant.account['id']}", media, {"description": f"{c} {number}"}),
        }[kind]
        answer = self.gateway.send(
            method, target, [bearer(tenant.key), *headers], None if body is None else json.dumps(body).encode())
        found = set(CANARY.findall(answer.everything))
        reason = None
        if found - {c}:
            reason = "the canary of another tenant"
        elif answer.status not in (200, 201, 409):
            reason = f"status {answer.status}"
        elif answer.status != 409 and not found:
            reason = "not its own canary"
        self.judge.note("full load", f"{kind} of {tenant.slug}", reason, answer.status, answer.text)
