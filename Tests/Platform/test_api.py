"""The API from outside, on the embedded log: the main job, tenants apart, bad input, services that die."""

import subprocess

import pytest
from calls import ROOT, Caller, wait_for


def test_a_lead_becomes_a_customer_and_analytics_tells_of_it(platform):
    api = platform.tenant("main-job")
    lead = api.ok("POST", "/v1/leads", {"company": "广州海风贸易有限公司", "person": "王小明", "source": "web"})
    assert api.ok("GET", "/v1/leads?q=haifeng")["items"][0]["id"] == lead["id"]
    body = {"opportunity": {"amount": {"amount": "5000.00", "currency": "USD"}}}

    def converted():
        answer = api.ok("POST", f"/v1/leads/{lead['id']}/convert", body)
        return answer["saga"]["status"] == "completed" and answer

    done = wait_for(converted)
    again = api.ok("POST", f"/v1/leads/{lead['id']}/convert", {})
    assert again["accountId"] == done["accountId"]
    won = api.ok("POST", f"/v1/opportunities/{done['opportunityId']}/win", {})
    assert won["status"] == "won"
    api.ok("POST", "/v1/orders", {
        "accountId": done["accountId"], "externalSystem": "erp", "externalId": "1", "orderedOn": "2026-11-01",
        "amount": {"amount": "5000.00", "currency": "USD"}})
    assert api.ok("GET", f"/v1/accounts/{done['accountId']}")["orderCount"] == 1

    def figures():
        leads = api.ok("GET", "/v1/analytics/leads?groupBy=source")["groups"]
        deals = api.ok("GET", "/v1/analytics/opportunities?groupBy=stage")["total"]
        return leads and leads[0]["converted"] == 1 and deals["won"] == 1 and deals["wonValue"]["amount"] == "5000.00"

    wait_for(figures)


def test_no_tenant_sees_another(platform):
    ours, theirs = platform.tenant("ours"), platform.tenant("theirs")
    lead = ours.ok("POST", "/v1/leads", {"company": "Canary of ours"})
    absent = theirs.send("GET", "/v1/leads/00000000-0000-7000-8000-000000000000")
    found = theirs.send("GET", f"/v1/leads/{lead['id']}")
    assert found[0] == absent[0] == 404
    assert {**found[2], "requestId": ""} == {**absent[2], "requestId": ""}
    for method, path, body in [
            ("PATCH", f"/v1/leads/{lead['id']}", {"company": "stolen"}), ("DELETE", f"/v1/leads/{lead['id']}", None),
            ("POST", f"/v1/leads/{lead['id']}/convert", {}), ("POST", f"/v1/leads/{lead['id']}/qualify", {})]:
        assert theirs.send(method, path, body)[0] == 404
    assert theirs.ok("GET", "/v1/leads?q=canary")["items"] == []
    cursor = [ours.ok("POST", "/v1/leads", {"company": f"More {n}"}) for n in range(3)] and ours.ok(
        "GET", "/v1/leads?limit=2")["nextCursor"]
    assert theirs.send("GET", f"/v1/leads?limit=2&cursor={cursor}")[0] == 400
    forged = ours.send("GET", "/v1/me", Guanxi_Identity="forged", X_Tenant="theirs")
    assert forged[0] == 200 and forged[2]["role"] == "admin"
    assert ours.ok("GET", f"/v1/leads/{lead['id']}")["company"] == "Canary of ours"


def test_bad_tokens_are_refused(platform):
    api = platform.tenant("tokens")
    token = api.ok(
        "POST", "/v1/token", b"grant_type=client_credentials",
        Content_Type="application/x-www-form-urlencoded")["access_token"]
    assert Caller(platform.port, token).ok("GET", "/v1/me")["kind"] == "apiKey"
    head, claims, signature = token.split(".")
    bad = [f"{head}.{claims}.", f"{head}.{claims}.{signature[:-4]}AAAA", f"eyJhbGciOiJub25lIn0.{claims}.", "gx_0_0",
           "x" * 9000, ""]
    assert {Caller(platform.port, text).send("GET", "/v1/me")[0] for text in bad} <= {401, 431}
    assert Caller(platform.port).send("GET", "/v1/leads")[0] == 401
    assert platform.operator.send("GET", "/v1/leads")[0] == 403


def test_a_revoked_key_and_a_suspended_tenant_are_refused(platform):
    admin = platform.tenant("revoked")
    key = platform.key("revoked", "sales")
    key.ok("GET", "/v1/me")
    admin.ok("DELETE", f"/v1/api-keys/{key.id}")
    wait_for(lambda: key.send("GET", "/v1/me")[0] == 401)
    platform.operator.ok("POST", "/v1/tenants/revoked/suspend")
    wait_for(lambda: admin.send("GET", "/v1/leads")[0] == 403)
    platform.operator.ok("POST", "/v1/tenants/revoked/resume")
    wait_for(lambda: admin.send("GET", "/v1/leads")[0] == 200)


def test_what_a_role_may_not_is_refused(platform):
    platform.tenant("roles")
    sales, scoped = platform.key("roles", "sales"), platform.key("roles", "admin", scopes=["leads.read"])
    assert sales.send("POST", "/v1/users", {"login": "a", "name": "b"})[0] == 403
    assert sales.send("POST", "/v1/leads", {"company": "x", "occurredAt": "2020-01-01T00:00:00Z"})[0] == 403
    assert scoped.send("POST", "/v1/leads", {"company": "x"})[0] == 403
    scoped.ok("GET", "/v1/leads")


BAD_BODIES = [
    (b"{\"company\": ", 400), (b"[1, 2]", 400), (b"\xff\xfe{}", 400), (b"{\"company\": \"a\\u0000b\"}", 400),
    (b"{\"company\": 7}", 422), (b"{\"compny\": \"a\"}", 422), (b"{}", 422), (b"{\"company\": \"a\", \"id\": \"b\"}", 422),
    (b"{\"company\": \"a\", \"amount\": {\"amount\": \"-1.00\", \"currency\": \"USD\"}}", 422),
    (b"{\"company\": \"a\", \"amount\": {\"amount\": \"1.001\", \"currency\": \"USD\"}}", 422),
    (b"{\"company\": \"a\", \"nextStep\": \"b\", \"nextStepAt\": \"99999-01-01T00:00:00Z\"}", 422),
    (b"{\"company\": \"" + b"a" * 301 + b"\"}", 422), (b"{\"company\": \"" + b"a" * (2 << 20) + b"\"}", 413),
]


@pytest.mark.parametrize("body,status", BAD_BODIES, ids=[str(number) for number in range(len(BAD_BODIES))])
def test_bad_bodies_get_a_clear_error(platform, body, status):
    if not hasattr(platform, "bad"):
        platform.bad = platform.tenant("bad-input")
    got, headers, problem = platform.bad.send("POST", "/v1/leads", body)
    assert got == status, problem
    assert headers["Content-Type"] == "application/problem+json"
    assert problem["status"] == status and problem["detail"] and problem["requestId"]


@pytest.mark.parametrize("query", [
    "limit=0", "limit=x", "nothing=1", "sort=nothing", "status.like=a", "createdAt.gte=yesterday", "cursor=abc",
    "q=%00", "fields=secret", "expand=everything", "%ff=1"])
def test_bad_queries_get_a_clear_error(platform, query):
    if not hasattr(platform, "bad"):
        platform.bad = platform.tenant("bad-input")
    status, _, problem = platform.bad.send("GET", f"/v1/leads?{query}")
    assert status == 400 and problem["detail"]


def test_a_repeated_idempotency_key_has_one_effect(platform):
    api = platform.tenant("idempotent")
    first = api.send("POST", "/v1/leads", {"company": "Once"}, Idempotency_Key="k1")
    second = api.send("POST", "/v1/leads", {"company": "Once"}, Idempotency_Key="k1")
    assert first[0] == second[0] == 201 and first[2] == second[2]
    assert api.send("POST", "/v1/leads", {"company": "Other"}, Idempotency_Key="k1")[0] == 422
    assert len(api.ok("GET", "/v1/leads")["items"]) == 1


def test_a_stale_version_is_refused(platform):
    api = platform.tenant("stale")
    lead = api.ok("POST", "/v1/leads", {"company": "First"})
    path = f"/v1/leads/{lead['id']}"
    assert api.send("PATCH", path, {"company": "Second"}, If_Match='"1"')[0] == 200
    status, headers, problem = api.send("PATCH", path, {"company": "Third"}, If_Match='"1"')
    assert status == 412 and headers["ETag"] == '"2"' and problem["current"]["company"] == "Second"


def test_the_second_platform_is_another_touch_of_one_lead(platform):
    api = platform.tenant("touches")
    api.ok("PUT", "/v1/duplicate-policy", {"policy": "link", "windowDays": 30})
    first = api.ok("POST", "/v1/leads", {
        "company": "北京华远科技有限公司", "product": "云主机", "source": "a", "occurredAt": "2026-10-01T00:00:00Z"})
    second = api.send("POST", "/v1/leads", {
        "company": "北京华远科技有限公司", "product": "云主机", "source": "b", "occurredAt": "2026-10-16T00:00:00Z"})
    assert second[0] == 200 and second[2]["id"] == first["id"] and second[2]["touches"] == 2
    assert len(api.ok("GET", f"/v1/leads/{first['id']}/touches")["items"]) == 2


def test_bulk_answers_each_row_and_pages_lose_none(platform):
    api = platform.tenant("bulk")
    rows = [{"externalSystem": "s", "externalId": str(n), "company": f"Company {n}"} for n in range(120)]
    rows[7] = {"company": 7}
    result = api.ok("POST", "/v1/leads/bulk", rows)
    assert [row["status"] for row in result["items"]] == [201] * 7 + [422] + [201] * 112
    seen, cursor = [], ""
    while True:
        page = api.ok("GET", f"/v1/leads?limit=50&sort=company{cursor}")
        seen += [item["id"] for item in page["items"]]
        if page["nextCursor"] is None:
            break
        cursor = f"&cursor={page['nextCursor']}"
        api.ok("POST", "/v1/leads", {"company": f"AAA {len(seen)}"})
    assert len(seen) == len(set(seen)) == 119


def test_a_killed_service_loses_nothing(platform):
    api = platform.tenant("killed")
    for number in range(20):
        api.ok("POST", "/v1/leads", {"company": f"Company {number}"})
    for service in ("leads", "analytics"):
        platform.system.kill(service)
    assert api.send("POST", "/v1/leads", {"company": "later"})[0] in (502, 503)
    for service in ("leads", "analytics"):
        platform.system.restart(service)
    assert len(api.ok("GET", "/v1/leads")["items"]) == 20
    wait_for(lambda: api.ok("GET", "/v1/analytics/leads?groupBy=source")["total"]["created"] == 20)


def test_the_document_is_valid_and_the_page_is_there(platform):
    document = Caller(platform.port).ok("GET", "/openapi.json")
    assert document["openapi"] == "3.1.0" and "/v1/leads/{id}/convert" in document["paths"]
    status, headers, _ = Caller(platform.port).send("GET", "/docs")
    assert status == 200 and headers["Content-Type"].startswith("text/html")


def test_the_operators_tool_explains_itself():
    done = subprocess.run([str(ROOT / ".build" / "debug" / "guanxi"), "migrate"], capture_output=True, text=True,
                          env={"PATH": "/usr/bin"})
    assert done.returncode != 0 and "database-url" in done.stderr


def test_a_refused_conversion_sent_again_is_refused_again_and_makes_nothing(platform):
    api = platform.tenant("refused-conversion")
    lead = api.ok("POST", "/v1/leads", {"company": "Refused Works"})
    body = {"account": {"name": "Refused account"}, "opportunity": {"name": "x", "stage": "no such stage"}}
    first = api.send("POST", f"/v1/leads/{lead['id']}/convert", body, Idempotency_Key="the-same")
    again = api.send("POST", f"/v1/leads/{lead['id']}/convert", body, Idempotency_Key="the-same")
    assert first[0] == again[0] == 422 and first[2]["detail"] == again[2]["detail"]
    # The form that sent it finds the member to mark, and whoever reads it his language.
    assert [error["path"] for error in first[2]["errors"]] == ["/opportunity/stage"]
    chinese = api.send("POST", f"/v1/leads/{lead['id']}/convert", body, Idempotency_Key="the-same",
                       Accept_Language="zh")[2]
    assert chinese["detail"].startswith("转化被拒绝：阶段：没有") and "没有" in chinese["errors"][0]["message"]
    assert api.ok("GET", "/v1/accounts?q=refused")["items"] == []
    assert api.ok("GET", f"/v1/leads/{lead['id']}")["status"] == "qualified"
    # And a new request converts it.
    done = api.send("POST", f"/v1/leads/{lead['id']}/convert", {}, Idempotency_Key="another")
    assert done[0] in (201, 202)


def test_a_lead_that_is_being_converted_is_not_deleted(platform):
    """Its conversion could never end."""
    api = platform.tenant("deleted-while-converting")
    platform.system.kill("customers")
    try:
        lead = api.ok("POST", "/v1/leads", {"company": "Half-way Ltd"})
        assert api.ok("POST", f"/v1/leads/{lead['id']}/convert", {})["saga"]["status"] == "running"
        status, _, problem = api.send("DELETE", f"/v1/leads/{lead['id']}")
        assert status == 409 and "being converted" in problem["detail"], problem
    finally:
        platform.system.restart("customers")
    wait_for(lambda: api.ok("GET", f"/v1/leads/{lead['id']}")["status"] == "converted", 60)
    assert api.send("DELETE", f"/v1/leads/{lead['id']}")[0] == 204
