"""What another tenant has is, from here, in no way different from what does not exist."""

import http.client
import json
import re

import pytest

ABSENT = "0199ffff-0000-7000-8000-00000000dead"


@pytest.fixture(scope="module")
def ours(platform):
    """A tenant with one of everything, by collection."""
    api = platform.tenant("fence-ours")
    made = {}

    def make(collection, body):
        made[collection] = api.ok("POST", f"/v1/{collection}", body)["id"]
        return made[collection]

    money = {"amount": "1.00", "currency": "USD"}
    make("leads", {"company": "Ours", "externalSystem": "erp", "externalId": "1"})
    make("sources", {"key": "ours", "name": "Ours"})
    account = make("accounts", {"name": "Ours", "externalSystem": "erp", "externalId": "1"})
    make("contacts", {"name": "Ours", "accountId": account})
    make("orders", {"accountId": account, "amount": money, "orderedOn": "2026-01-01", "externalSystem": "erp",
                    "externalId": "1"})
    make("opportunities", {"name": "Ours"})
    make("products", {"name": "Ours"})
    make("users", {"login": "ours", "name": "Ours", "role": "sales"})
    make("teams", {"name": "Ours"})
    make("business-lines", {"key": "ours", "name": "Ours"})
    make("api-keys", {"name": "ours", "role": "sales"})
    api.made = made
    return api


@pytest.fixture(scope="module")
def theirs(platform):
    return platform.tenant("fence-theirs")


def raw(api, method, path, body=None):
    """Every byte of an answer that says something: status line, headers, body; the request's id and the time apart."""
    connection = http.client.HTTPConnection("127.0.0.1", api.port, timeout=30)
    content = None if body is None else json.dumps(body)
    connection.request(method, path, content, {
        "Authorization": f"Bearer {api.key}", "Content-Type": "application/json", "X-Request-Id": "the-same"})
    answer = connection.getresponse()
    text = answer.read().decode()
    headers = [(name, value) for name, value in answer.getheaders() if name not in ("Date", "RateLimit")]
    connection.close()
    return answer.status, headers, re.sub(r'"requestId":"[^"]*"', "", text)


def calls(document):
    """Every operation on one object: (method, path with {id})."""
    return [(method.upper(), path) for path, operations in document["paths"].items() for method in operations
            if "{id}" in path and method in ("get", "patch", "put", "post", "delete")]


def test_the_id_of_another_tenant_is_as_one_that_does_not_exist(ours, theirs):
    document = theirs.ok("GET", "/openapi.json")
    readable = [f"/v1/{collection}/{id}" for collection, id in ours.made.items() if collection != "api-keys"]
    before = [ours.ok("GET", path) for path in readable]
    tried = 0
    for method, path in calls(document):
        collection = path.split("/")[2]
        if collection not in ours.made:
            continue
        path = re.sub(r"\{(?!id)[^}]*\}", ABSENT, path)
        body = None if method in ("GET", "DELETE") else {}
        answers = [raw(theirs, method, path.replace("{id}", id), body) for id in (ours.made[collection], ABSENT)]
        different = [part.replace(id, "") if isinstance(part, str) else part
                     for id, answer in zip((ours.made[collection], ABSENT), answers) for part in answer]
        assert different[:3] == different[3:], f"{method} {path}"
        assert answers[0][0] in (404, 422, 400), f"{method} {path}: {answers[0]}"
        tried += 1
    assert tried > 40
    assert [ours.ok("GET", path) for path in readable] == before


@pytest.mark.parametrize("collection", ["leads", "accounts", "orders"])
def test_the_identity_in_another_system_is_each_tenants_own(ours, theirs, collection):
    found, absent = (raw(theirs, "GET", f"/v1/{collection}/by-external/erp/{id}") for id in ("1", "2"))
    assert found == absent and found[0] == 404


@pytest.mark.parametrize("collection,member,of", [
    ("contacts", "accountId", "accounts"), ("accounts", "parentId", "accounts"), ("users", "teamId", "teams"),
    ("users", "managerId", "users"), ("teams", "parentId", "teams"), ("teams", "managerId", "users")])
def test_no_object_refers_to_one_of_another_tenant(ours, theirs, collection, member, of):
    good = {"contacts": {"name": "x"}, "accounts": {"name": "x"}, "teams": {"name": "x"},
            "users": {"login": "x", "name": "x", "role": "sales"}}
    foreign, absent = (raw(theirs, "POST", f"/v1/{collection}", {**good[collection], member: id})
                       for id in (ours.made[of], ABSENT))
    assert foreign[0] == absent[0] == 422, (foreign, absent)
    assert foreign[2].replace(ours.made[of], "") == absent[2].replace(ABSENT, "")


def test_lists_filters_and_searches_show_only_ones_own(ours, theirs):
    for collection, id in ours.made.items():
        if collection == "api-keys":
            continue
        assert theirs.ok("GET", f"/v1/{collection}?id={id}")["items"] == [], collection
        assert id not in json.dumps(theirs.ok("GET", f"/v1/{collection}?limit=500")), collection


def test_headers_that_name_a_tenant_mean_nothing(ours, theirs):
    tenant = ours.ok("GET", "/v1/me")["tenant"]
    tenant = tenant["id"] if isinstance(tenant, dict) else tenant
    for name in ("X-Tenant", "X-Tenant-Id", "Guanxi-Identity", "Guanxi-Tenant", "X-Guanxi-Tenant", "Tenant"):
        assert raw(theirs, "GET", f"/v1/leads/{ours.made['leads']}")[0] == 404
        status, _, _ = theirs.send("GET", f"/v1/leads/{ours.made['leads']}", **{name.replace("-", "_"): tenant})
        assert status == 404, name
