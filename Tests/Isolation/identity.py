"""Tokens and keys that are forged, changed and put together, and headers by which one could pose as somebody."""

import base64
import hashlib
import hmac
import json
import subprocess
import time

from wire import bearer

# What a service's answers for operators hold.
INTERNAL = ('"eventlog"', '"consumers"', "/internal/", "guanxi_http", '"deadletters"')


def encoded(value):
    content = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def decoded(text):
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


class OwnKey:
    """An ES256 key of the attacker's."""

    def __init__(self, folder):
        self.path = folder / "attacker.pem"
        subprocess.run(
            ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self.path], check=True)

    def sign(self, header, claims):
        signed = f"{encoded(header)}.{encoded(claims)}"
        der = subprocess.run(
            ["openssl", "dgst", "-sha256", "-sign", self.path], input=signed.encode(), check=True,
            stdout=subprocess.PIPE).stdout
        numbers, rest = [], der[2:]
        for _ in range(2):
            numbers.append(rest[2:2 + rest[1]].lstrip(b"\0").rjust(32, b"\0"))
            rest = rest[2 + rest[1]:]
        return f"{signed}.{encoded(b''.join(numbers))}"

    def public(self):
        text = subprocess.run(
            ["openssl", "ec", "-in", self.path, "-pubout", "-outform", "DER"], check=True, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL).stdout
        return {"kty": "EC", "crv": "P-256", "x": encoded(text[-64:-32]), "y": encoded(text[-32:])}


class Identity:
    def __init__(self, gateway, judge, operations, mine, theirs, random, folder, services):
        self.gateway, self.judge, self.mine, self.theirs = gateway, judge, mine, theirs
        self.random, self.services = random, services
        self.operations = [o for o in operations if o.permission != "everyone"]
        self.own = OwnKey(folder)
        self.jwks = gateway.send("GET", "/.well-known/jwks.json").json["keys"]
        self.forged = list(self.tokens()) + list(self.keys())

    # Tokens

    def tokens(self):
        head, claims, signature = self.mine.admin["accessToken"].split(".")
        header, claims = decoded(head), decoded(claims)
        as_theirs = {**claims, "tenant": self.theirs.id, "sub": self.theirs.admin["id"]}
        now = int(time.time())
        changes = {
            "tenant": {"tenant": self.theirs.id}, "sub": {"sub": self.theirs.admin["id"]},
            "tenant and sub": as_theirs, "session": {"sid": self.theirs.key_id}, "kind": {"kind": "apiKey", "sid": None},
            "service": {"kind": "service", "sub": "gateway"}, "operator": {"kind": "operator", "tenant": None},
            "issuer": {"iss": "leads"}, "audience": {"aud": "guanxi-internal"}, "audiences": {"aud": ["guanxi", "x"]},
            "expiry": {"exp": now + 10**6}, "no expiry": {"exp": None}, "role": {"role": "admin", **as_theirs}}
        for name, change in changes.items():
            changed = {k: v for k, v in {**claims, **change}.items() if v is not None}
            yield f"{name} under the old signature", f"{head}.{encoded(changed)}.{signature}"
            for kid in (header.get("kid"), "x"):
                yield f"{name}, own key as {kid}", self.own.sign({**header, "kid": kid}, changed)
        for algorithm in ("none", "None", "NONE", "nOnE", "", None, "HS256", "RS256", "ES384", "PS256", "EdDSA"):
            yield f"alg {algorithm}", f"{encoded({**header, 'alg': algorithm})}.{encoded(as_theirs)}."
            yield f"alg {algorithm}, signed", f"{encoded({**header, 'alg': algorithm})}.{encoded(as_theirs)}.{signature}"
        for key in self.jwks:
            for secret in (json.dumps(key), key["x"], key["y"], key["x"] + key["y"], key["kid"], ""):
                signed = f"{encoded({**header, 'alg': 'HS256', 'kid': key['kid']})}.{encoded(as_theirs)}"
                mac = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()
                yield "HS256 with what is public", f"{signed}.{encoded(mac)}"
        for more in (
                {"jwk": self.own.public()}, {"jku": "http://127.0.0.1:1/keys"}, {"x5u": "http://127.0.0.1:1/c"},
                {"kid": "../../etc/passwd"}, {"kid": "' or '1'='1"}, {"crit": ["exp"]}, {"typ": "JWT"},
                {"typ": "guanxi-identity+jwt"}, {"kid": None}, {"b64": False, "crit": ["b64"]}):
            yield f"header {more}", self.own.sign({**header, **more}, as_theirs)
        for r in (b"\0" * 64, b"\xff" * 64, b"\0" * 63, b""):
            yield "an empty signature", f"{head}.{encoded(as_theirs)}.{encoded(r)}"
        theirs = self.theirs.admin["accessToken"].split(".")
        yield "their claims, our signature", f"{theirs[0]}.{theirs[1]}.{signature}"
        yield "our claims, their signature", f"{head}.{encoded(claims)}.{theirs[2]}"
        yield "their token cut short", ".".join(theirs)[:-4]
        yield "their claims twice", f"{theirs[0]}.{theirs[1]}.{theirs[1]}.{signature}"

    def keys(self):
        """Credentials are kind, tenant for some, id and secret."""
        kind, own_id, secret = self.mine.key.split("_", 2)
        _, their_id, _ = self.theirs.key.split("_", 2)
        for name in ("gx", "gxo", "gxr", "gxp", "GX", "", "gxx"):
            for one in (their_id, their_id.upper(), self.theirs.key_id, own_id[:-1], own_id + "0", f"{own_id}%00"):
                yield f"key {name}_{one}", f"{name}_{one}_{secret}"
            yield f"key {name} of them", f"{name}_{self.theirs.id}_{their_id}_{secret}"
        yield "an empty secret", f"{kind}_{their_id}_"
        yield "any secret", f"{kind}_{their_id}_{'A' * 43}"
        yield "a wild card", f"{kind}_{their_id}_{'%' * 43}"
        yield "SQL", f"{kind}_{their_id}_' or '1'='1"
        yield "our refresh token", self.mine.admin["refreshToken"]
        yield "our refresh token, their tenant", self.mine.admin["refreshToken"].replace(self.mine.id, self.theirs.id)
        yield "two keys", f"{self.mine.key},{self.mine.key}"

    def attempts(self, share):
        for operation in self.operations:
            for name, token in self.random.sample(self.forged, max(1, int(len(self.forged) * share))):
                yield lambda operation=operation, name=name, token=token: self.token(operation, name, token)
            for name, headers in self.random.sample(self.tricks(), max(1, int(len(self.tricks()) * min(1, 4 * share)))):
                yield lambda operation=operation, name=name, headers=headers: self.header(operation, name, headers)
        exchanges = list(self.exchanges())
        for path, body, media in self.random.sample(exchanges, max(10, int(len(exchanges) * min(1, 6 * share)))):
            yield lambda path=path, body=body, media=media: self.exchange(path, body, media)
        for port, target, headers in self.doors():
            yield lambda port=port, target=target, headers=headers: self.door(port, target, headers)

    def token(self, operation, name, token):
        media, content = operation.content(None)
        answer = self.gateway.send(operation.method, operation.target(), [bearer(token), *media], content)
        self.judge.look("tokens and keys", f"{operation.id} with {name}", answer, sent=token, allowed={401})

    # Headers

    def tricks(self):
        """(name, headers); those of `None` are sent without a key, and must be refused."""
        forged = self.own.sign_cache if hasattr(self.own, "sign_cache") else None
        if forged is None:
            now = int(time.time())
            forged = self.own.sign_cache = self.own.sign(
                {"alg": "ES256", "typ": "guanxi-identity+jwt", "kid": self.jwks[0]["kid"]},
                {"iss": "gateway", "aud": "guanxi-internal", "sub": self.theirs.admin["id"], "tenant": self.theirs.id,
                 "iat": now, "exp": now + 60, "kind": "user", "role": "admin", "permissions": "leads.read",
                 "visibility": "all"})
        t, key = self.theirs, bearer(self.mine.key)
        posing = [
            [("Guanxi-Identity", forged)], [("guanxi-identity", forged)], [("GUANXI_IDENTITY", forged)],
            [("Guanxi-Tenant", t.id)], [("X-Guanxi-Tenant", t.id)], [("X-Tenant-Id", t.id)], [("Tenant", t.slug)],
            [("X-Forwarded-User", t.admin["id"])], [("X-Forwarded-For", "127.0.0.1")], [("Cookie", f"tenant={t.id}")],
            [("X-Forwarded-Host", f"{t.slug}.example.com")], [("Forwarded", f"for=127.0.0.1;host={t.slug}")],
            [("X-Original-URL", "/internal/status")], [("X-Rewrite-URL", "/internal/status")],
            [("Host", f"{t.slug}.localhost")], [("X-HTTP-Method-Override", "DELETE")],
            [("Connection", "keep-alive, Guanxi-Identity")], [("Connection", "Authorization"), ("Tenant", t.id)],
            [("Connection", "Host, X-Request-Id, traceparent")], [("X-Request-Id", t.canary[:4] + "\t{\"tenant\":1}")],
            [("traceparent", f"00-{'0' * 32}-{'0' * 16}-01")], [("Accept-Language", "zh;q=1,'--")],
            [("Proxy-Authorization", f"Bearer {forged}")], [("X-Real-IP", "127.0.0.1")], [("Via", "1.1 gateway")],
            [("If-Match", '"1"')], [("Guanxi-Identity", forged), ("Guanxi-Identity", forged)]]
        both = [(headers[0][0], [key, *headers]) for headers in posing]
        alone = [(f"{headers[0][0]} alone", headers) for headers in posing]
        return both + alone + [
            ("two keys", [key, bearer(self.mine.seller["accessToken"])]),
            ("key and forged token", [key, bearer(self.forged[0][1])]),
            ("Basic", [("Authorization", "Basic " + base64.b64encode(f"{t.slug}:x".encode()).decode())])]

    def header(self, operation, name, headers):
        media, content = operation.content(None)
        answer = self.gateway.send(operation.method, operation.target(), [*headers, *media], content)
        is_proven = headers[0] == bearer(self.mine.key) and sum(n == "Authorization" for n, _ in headers) == 1
        sent = " ".join(value for _, value in headers)
        self.judge.look(
            "headers", f"{operation.id} with {name}", answer, sent=sent, allowed=None if is_proven else {400, 401})
        if any(word in answer.text.lower() for word in INTERNAL) and operation.permission != "platform.operate":
            self.judge.find("headers", f"{operation.id} with {name}", "an internal answer", answer.text)

    # Where credentials are bodies

    def exchanges(self):
        a, b = self.mine, self.theirs
        refresh = a.admin["refreshToken"]
        swapped = [refresh.replace(a.id, b.id), b.admin["refreshToken"][:-3] + "AAA", a.key, b.key, refresh[:-1]]
        for text in swapped:
            yield "/v1/sessions/refresh", json.dumps({"refreshToken": text}).encode(), "application/json"
        logins = [a.admin["login"], b.admin["login"], f"{b.admin['login']}' --", b.admin["id"], "%", "admin%"]
        slugs = [a.slug, b.slug, b.id, f"t_{b.id}", f"{b.slug}' or '1'='1", "", "*", "public"]
        for slug in slugs:
            for login in logins:
                if (slug, login) != (a.slug, a.admin["login"]):
                    body = {"tenant": slug, "user": login, "password": "' or '1'='1"}
                    yield "/v1/sessions", json.dumps(body).encode(), "application/json"
        for text in (a.secrets[1].replace(a.id, b.id), b.secrets[1][:-2] + "AA", b.key):
            yield "/v1/password-resets", json.dumps({"token": text, "password": "x" * 20}).encode(), "application/json"
        for client, secret in ((b.key_id, a.key), (a.key_id, b.key[:-3] + "AAA"), (b.key_id, ""), (b.id, a.key)):
            body = f"grant_type=client_credentials&client_id={client}&client_secret={secret}"
            yield "/v1/token", body.encode(), "application/x-www-form-urlencoded"

    def exchange(self, path, body, media):
        answer = self.gateway.send("POST", path, [("Content-Type", media)], body)
        self.judge.look(
            "log-ins and exchanges", f"{path} {body}", answer, sent=path + body.decode(),
            allowed={400, 401, 404, 422, 429})

    # The services themselves, behind the gateway

    def doors(self):
        forged = self.tricks()[0][1][1][1]
        proofs = [
            [], [bearer(self.mine.key)], [bearer(self.mine.admin["accessToken"])], [("Guanxi-Identity", forged)],
            [("Guanxi-Identity", self.mine.admin["accessToken"])], [("Guanxi-Identity", self.mine.key)],
            [("Guanxi-Identity", "")], [("Guanxi-Identity", forged[:-6] + "AAAAAA")]]
        for service, (public, internal) in self.services.items():
            for headers in proofs if service != "gateway" else ():
                for target in (
                        "/v1/leads", "/v1/accounts", "/v1/opportunities", "/v1/analytics/leads?groupBy=source"):
                    yield public, target, headers
                for target in (
                        "/internal/status", "/internal/dead-letters", f"/internal/tenants/{self.theirs.id}",
                        "/internal/rebuild", f"/internal/conversions/{self.theirs.key_id}/account", "/metrics"):
                    yield internal, target, headers
                    yield public, target, headers

    def door(self, port, target, headers):
        answer = type(self.gateway)(port).send("GET", target, headers)
        is_open = answer.status == 200 and target == "/metrics"
        self.judge.look(
            "services' own ports", f":{port}{target} with {headers}", answer, sent=str(headers),
            allowed=None if is_open else {401, 403, 404, 405})
