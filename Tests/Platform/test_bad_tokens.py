"""Tokens that prove nothing: expired, unsigned, signed with a wrong key or algorithm, for somebody or something else."""

import base64
import hashlib
import hmac
import json
import subprocess
import time

import pytest
from calls import ROOT, Caller, wait_for
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def encode(content):
    if not isinstance(content, bytes):
        content = json.dumps(content, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def decode(text):
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def number(text):
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")


class Forge:
    """Makes tokens from the parts of a good one, with the gateway's own key where nothing else is wrong."""

    def __init__(self, platform, token):
        head, claims, _ = token.split(".")
        self.head, self.claims = decode(head), decode(claims)
        done = subprocess.run(
            [str(ROOT / "deploy" / "local" / "postgres.sh"), "psql", "-d", "guanxi_gateway", "-Atc",
             f"select private_jwk from shared.signing_keys where id = '{self.head['kid']}'"],
            env=platform.system.settings, check=True, capture_output=True, text=True)
        self.key = ec.derive_private_key(number(json.loads(done.stdout)["d"]), ec.SECP256R1())

    def make(self, head=None, claims=None, sign=None):
        """Claims and header members that are None are left out."""
        parts = [{**self.head, **(head or {})}, {**self.claims, **(claims or {})}]
        text = ".".join(encode({name: value for name, value in part.items() if value is not None}) for part in parts)
        return f"{text}.{encode((sign or self.es256)(text.encode()))}"

    def es256(self, content, key=None):
        r, s = utils.decode_dss_signature((key or self.key).sign(content, ec.ECDSA(SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def hs256(self, secret):
        return lambda content: hmac.new(secret, content, hashlib.sha256).digest()

    def public(self, encoding, form):
        return self.key.public_key().public_bytes(encoding, form)


@pytest.fixture(scope="module")
def api(platform):
    return platform.tenant("forged")


@pytest.fixture(scope="module")
def forge(platform, api):
    return Forge(platform, token(api))


def token(api):
    return api.ok("POST", "/v1/token", b"grant_type=client_credentials",
                  Content_Type="application/x-www-form-urlencoded")["access_token"]


def refused(api, text):
    status, headers, problem = Caller(api.port, text).send("GET", "/v1/me")
    assert status == 401, problem
    assert headers["WWW-Authenticate"].startswith("Bearer") and problem["code"] == "unauthenticated"
    assert Caller(api.port, text).send("POST", "/v1/leads", {"company": "Forged"})[0] == 401


def test_what_the_forge_makes_is_good_when_nothing_is_wrong(api, forge):
    assert Caller(api.port, forge.make()).ok("GET", "/v1/me")["kind"] == "apiKey"
    assert Caller(api.port, forge.make(claims={"jti": "another"})).ok("GET", "/v1/leads") is not None


def test_an_expired_token_is_refused(api, forge):
    now = int(time.time())
    for expiry in (now - 60, 0, -1, None, "tomorrow", 1e300):
        refused(api, forge.make(claims={"exp": expiry}))


def test_a_token_of_the_future_is_refused(api, forge):
    refused(api, forge.make(claims={"nbf": int(time.time()) + 3600}))


def test_an_unsigned_token_is_refused(api, forge):
    for algorithm in ("none", "None", "NONE", "nOnE", "", None):
        refused(api, forge.make({"alg": algorithm}, sign=lambda content: b""))
        refused(api, forge.make({"alg": algorithm}))
    refused(api, forge.make(sign=lambda content: b""))


def test_the_public_key_is_no_secret_to_sign_with(api, forge):
    secrets = [
        forge.public(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        forge.public(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        forge.public(Encoding.X962, PublicFormat.UncompressedPoint), b""]
    for secret in secrets:
        refused(api, forge.make({"alg": "HS256"}, sign=forge.hs256(secret)))
        refused(api, forge.make(sign=forge.hs256(secret)))


def test_another_algorithm_is_refused(api, forge):
    for algorithm in ("ES384", "ES512", "ES256K", "RS256", "PS256", "EdDSA", "HS512", "es256"):
        refused(api, forge.make({"alg": algorithm}))


def test_another_key_is_refused(api, forge):
    foreign = ec.generate_private_key(ec.SECP256R1())
    sign = lambda content: forge.es256(content, foreign)  # noqa: E731
    numbers = foreign.public_key().public_numbers()
    jwk = {"kty": "EC", "crv": "P-256", "x": encode(numbers.x.to_bytes(32, "big")),
           "y": encode(numbers.y.to_bytes(32, "big"))}
    for head in ({}, {"kid": "foreign"}, {"kid": None}, {"jwk": jwk}, {"jwk": jwk, "kid": None},
                 {"jku": "http://127.0.0.1:1/keys"}, {"kid": "../../../etc/passwd"}, {"kid": "' or true --"}):
        refused(api, forge.make(head, sign=sign))


def test_a_changed_signature_is_refused(api, forge):
    good = forge.make()
    head, claims, signature = good.split(".")
    for bad in (b"\0" * 64, b"\xff" * 64, b"\0" * 63, b"\0" * 1000, b"x"):
        refused(api, f"{head}.{claims}.{encode(bad)}")
    refused(api, f"{head}.{claims}.{signature[:-4]}AAAA")
    refused(api, f"{head}.{encode({**forge.claims, 'kind': 'user'})}.{signature}")


@pytest.mark.parametrize("head,claims", [
    ({"typ": "JWT"}, {}), ({"typ": None}, {}), ({"typ": "guanxi-identity+jwt"}, {}), ({"crit": ["exp"]}, {}),
    ({}, {"iss": "leads"}), ({}, {"iss": None}), ({}, {"aud": "guanxi-internal"}), ({}, {"aud": None}),
    ({}, {"sub": None}), ({}, {"sub": "00000000-0000-7000-8000-000000000000"}), ({}, {"kind": "operator"}),
    ({}, {"kind": "service"}), ({}, {"kind": "user"}), ({}, {"kind": None}), ({}, {"tenant": None}),
    ({}, {"tenant": "aaaaaaaaaaaaaaaa"}), ({}, {"tenant": ["a", "b"]})], ids=lambda value: json.dumps(value))
def test_a_token_for_something_else_is_refused(api, forge, head, claims):
    refused(api, forge.make(head, claims))


def test_a_token_of_another_tenant_shows_that_tenant_alone(platform, api, forge):
    other = platform.tenant("forged-other")
    lead = api.ok("POST", "/v1/leads", {"company": "Ours"})["id"]
    assert Caller(api.port, token(other)).send("GET", f"/v1/leads/{lead}")[0] == 404
    # A subject of one tenant under the name of another is nobody, although the signature is right.
    tenant = decode(token(other).split(".")[1])["tenant"]
    refused(api, forge.make(claims={"tenant": tenant}))


@pytest.mark.parametrize("header", [
    "", "Bearer", "Bearer ", "Basic YTpi", "bearer x", "Bearer a.b", "Bearer ...", "Bearer gx_", "Bearer gxo_0_0",
    "Bearer gxr_aaaaaaaaaaaaaaaa_0_0", "Bearer 中".encode().decode("latin-1"), "Bearer " + "x" * 8000])
def test_what_is_no_token_is_refused(api, header):
    status, _, problem = Caller(api.port).send("GET", "/v1/me", Authorization=header)
    assert status == 401, problem


def test_an_internal_token_opens_nothing_at_the_gateway(api, forge):
    internal = forge.make({"typ": "guanxi-identity+jwt"}, {"aud": "guanxi-internal", "role": "admin",
                                                            "permissions": "leads.read", "visibility": "all"})
    assert Caller(api.port).send("GET", "/v1/leads", Guanxi_Identity=internal)[0] == 401
    refused(api, internal)


def test_an_access_token_opens_nothing_at_a_service(platform, api, forge):
    leads = int(platform.system.settings["GUANXI_PORT"]) + 1
    for text in (forge.make(), "x"):
        assert Caller(leads).send("GET", "/v1/leads", Guanxi_Identity=text)[0] == 401
    assert Caller(leads, api.key).send("GET", "/v1/leads")[0] == 401
    assert Caller(leads).send("GET", "/v1/leads")[0] == 401


def test_a_token_ends_with_its_key(platform, api):
    key = platform.key("forged", "sales")
    text = token(key)
    assert Caller(api.port, text).ok("GET", "/v1/me")
    api.ok("DELETE", f"/v1/api-keys/{key.id}")
    wait_for(lambda: Caller(api.port, text).send("GET", "/v1/me")[0] == 401)
    assert key.send("POST", "/v1/token", b"grant_type=client_credentials",
                    Content_Type="application/x-www-form-urlencoded")[0] == 401


def test_a_suspended_tenant_is_told_so_and_an_absent_one_is_nobody(platform):
    api = platform.tenant("asleep")
    text = token(api)
    platform.operator.ok("POST", "/v1/tenants/asleep/suspend")
    for caller in (api, Caller(api.port, text)):
        wait_for(lambda: caller.send("GET", "/v1/leads")[0] == 403)
        for method, path, body in [("GET", "/v1/me", None), ("POST", "/v1/leads", {"company": "x"}),
                                   ("GET", "/v1/analytics/leads?groupBy=source", None)]:
            status, _, problem = caller.send(method, path, body)
            assert status == 403 and problem["code"] == "tenantSuspended" and problem["detail"]
    platform.operator.ok("POST", "/v1/tenants/asleep/resume")
    wait_for(lambda: api.send("GET", "/v1/leads")[0] == 200)
    platform.operator.ok("DELETE", "/v1/tenants/asleep")
    for caller in (api, Caller(api.port, text)):
        wait_for(lambda: caller.send("GET", "/v1/leads")[0] == 401)
    assert platform.operator.send("GET", "/v1/tenants/asleep")[0] == 404
    assert platform.operator.send("POST", "/v1/tenants/asleep/suspend")[0] == 404
    session = {"user": "a", "password": "b"}
    absent = Caller(api.port).send("POST", "/v1/sessions", {"tenant": "asleep", **session})
    known = Caller(api.port).send("POST", "/v1/sessions", {"tenant": "forged", **session})
    assert absent[0] == known[0] == 401
    assert {**absent[2], "requestId": ""} == {**known[2], "requestId": ""}
