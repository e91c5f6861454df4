"""SQL, templates and broken text in every string that is taken."""

import json

from wire import bearer
from world import COLLECTIONS


def payloads(theirs):
    schema = f"t_{theirs.id}"
    return [
        "' or '1'='1", "' or 1=1 --", "'; select pg_sleep(3); --", "';drop schema shared cascade;--",
        f"'; drop schema \"{schema}\" cascade; --", f"\"; drop schema {schema} cascade; --",
        f"' union select company from {schema}.leads --", f"') union all select null, company from {schema}.leads --",
        f"'||(select string_agg(company, ',') from {schema}.leads)||'", f"{schema}.leads", f"\"{schema}\".\"leads\"",
        f"1;set role \"guanxi_leads_{schema}\"", f"$$; select * from {schema}.leads; $$", f"$1", "$9999", "{{schema}}",
        "{{role}}", "%27 or 1=1", "\\'; select 1; --", "\\", "'", "''", "\"", "`", "\x1b[31m", "--", "/*", "*/",
        "ʼ or ʼ1ʼ=ʼ1", "＇ or 1=1", "%", "_", "%%%", "id desc nulls first, (select 1)", "createdAt;drop", "-createdAt,--",
        "custom->>'x'", "custom.x' = '1", "custom.\"x\"", "owner_id", "id)", "id::text", "1 or 1=1", "0x27",
        "pg_temp", "pg_catalog", "public", "$user", "a" * 63, "a" * 64, "é" * 32, "' " * 500, "x" * 9000,
        "${jndi:ldap://127.0.0.1/a}", "{{7*7}}", "../../../etc/passwd", "\ufeff", "\u202e", "\U0001f600",
        "=cmd|'/c calc'!A1", "null", "NaN", "1e999", "-1", "9" * 40, "\u0000", "line\r\nX-Injected: 1", "true); --"]


class Injection:
    def __init__(self, gateway, judge, operations, mine, theirs, operator, random):
        self.gateway, self.judge, self.operations = gateway, judge, operations
        self.mine, self.theirs, self.operator, self.random = mine, theirs, operator, random
        self.payloads = payloads(theirs)

    def some(self, share):
        return self.random.sample(self.payloads, max(1, round(len(self.payloads) * share)))

    def attempts(self, share):
        for operation in self.operations:
            if operation.permission in ("tenants.manage", "platform.operate"):
                continue
            own = {"id": self.random.choice(self.mine.of(COLLECTIONS.get(operation.collection, "lead")))}
            if operation.method == "GET":
                names = operation.queries + (
                    [n + s for n in operation.filters() for s in ("", ".contains", ".gte")] +
                    ["custom.x", "custom.x' or 1=1 --", "id' or '1'='1", "id.eq", "id;--"]
                    if operation.has_filters else [])
                for name in names:
                    for text in self.some(share):
                        yield lambda o=operation, n=name, t=text, own=own: self.send(o, own, t, [(n, t)])
                for text in self.some(share) if operation.has_filters else ():
                    yield lambda o=operation, t=text, own=own: self.send(o, own, t, [(t, "1")])
            for name in operation.names:
                for text in self.some(share):
                    yield lambda o=operation, n=name, t=text, own=own: self.send(o, {**own, n: t}, t)
            if operation.media == "text/csv":
                for text in self.some(min(1, 4 * share)):
                    for content in self.files(text):
                        yield lambda o=operation, c=content, t=text: self.send(o, {}, t, body=c)
                    yield lambda o=operation, t=text: self.send(o, {}, t, [("mapping", json.dumps({"company": t}))])
            elif operation.schema is not None and operation.id != "createSession":
                for path in operation.texts():
                    for text in self.some(share):
                        yield lambda o=operation, p=path, t=text, own=own: self.send(
                            o, own, t, body=o.with_field(p, t))
                for text in self.some(share):
                    yield lambda o=operation, t=text, own=own: self.send(o, own, t, body=o.with_field((t,), 1))
                    yield lambda o=operation, t=text, own=own: self.send(
                        o, own, t, body=o.with_field(("custom",), {t: t}))
            if "Idempotency-Key" in operation.headers:
                for text in self.some(share):
                    if text.isascii() and text.isprintable():
                        yield lambda o=operation, t=text, own=own: self.send(
                            o, own, t, headers=[("Idempotency-Key", t[:200])])
        for text in self.some(min(1, 4 * share)):
            yield lambda t=text: self.tenant(t)

    @staticmethod
    def files(text):
        cell = '"' + text.replace('"', '""') + '"'
        yield f"company,person\n{cell},{cell}\n".encode()
        yield f"company,{cell}\nx,y\n".encode()

    def send(self, operation, own, text, query=(), body=None, headers=()):
        if "password" in operation.path and operation.method == "POST":
            own = {**own, "token": own.get("token", "gxp_x")}
        media, content = operation.content(body)
        answer = self.gateway.send(
            operation.method, operation.target(own, query), [bearer(self.mine.key), *media, *headers], content)
        where = query or [k for k, v in own.items() if v == text] or body or headers
        self.judge.look("injection", f"{operation.method} {operation.path} {where!r}", answer, sent=text + str(where))
        if "X-Injected" in dict(answer.headers):
            self.judge.find("injection", f"{operation.id} {text!r}", "a header was injected")

    def tenant(self, text):
        """Tenants of strange names are refused, or live beside the others like any."""
        for body in ({"slug": text, "name": "x"}, {"slug": f"s{abs(hash(text)) % 10**8}", "name": text[:200] or "x"}):
            made = self.gateway.send(
                "POST", "/v1/tenants", [bearer(self.operator), ("Content-Type", "application/json")],
                json.dumps(body).encode())
            self.judge.look("tenant names", f"{body!r}"[:200], made, sent=json.dumps(body))
            if made.status == 201:
                gone = self.gateway.send("DELETE", f"/v1/tenants/{made.json['id']}", [bearer(self.operator)])
                self.judge.look("tenant names", f"delete {body!r}"[:200], gone, allowed={202, 204})
