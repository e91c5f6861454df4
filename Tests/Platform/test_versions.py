"""If-Match on every object: who has seen an older version is told the current one, and nothing is changed."""

import pytest

# What makes one, and what changes it.
BODIES = {
    "leads": ({"company": "A"}, {"company": "B"}), "accounts": ({"name": "A"}, {"name": "B"}),
    "contacts": ({"name": "A"}, {"name": "B"}), "opportunities": ({"name": "A"}, {"name": "B"}),
    "products": ({"name": "A"}, {"name": "B"}), "teams": ({"name": "A"}, {"name": "B"}),
    "sources": ({"key": "a", "name": "A"}, {"name": "B"}),
    "users": ({"login": "a", "name": "A", "role": "sales"}, {"name": "B"}),
}


@pytest.fixture(scope="module")
def api(platform):
    return platform.tenant("versions")


@pytest.mark.parametrize("collection", BODIES)
def test_a_stale_version_is_refused_with_the_current_one(api, collection):
    body, change = BODIES[collection]
    path = f"/v1/{collection}/{api.ok('POST', f'/v1/{collection}', body)['id']}"
    api.ok("PATCH", path, change, If_Match='"1"')
    current = api.ok("GET", path)
    assert current["version"] == 2
    for method, sent in [("PATCH", {name: "C" for name in change}), ("DELETE", None)]:
        for stale in ('"1"', '"3"', '"0"'):
            status, headers, problem = api.send(method, path, sent, If_Match=stale)
            assert status == 412 and problem["code"] == "versionMismatch", problem
            assert headers["ETag"] == '"2"' and current.items() <= problem["current"].items()
        for broken in ("1", "x", '"x"', '"2', '"99999999999999999999"'):
            assert api.send(method, path, sent, If_Match=broken)[0] in (400, 412), broken
    assert api.ok("GET", path) == current
    assert api.send("DELETE", path, None, If_Match='"2"')[0] == 204
