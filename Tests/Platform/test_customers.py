"""Customers from outside: conversions that are cut in the middle, the lifecycle, its thresholds, and the timeline."""

import threading
from datetime import date, timedelta

import pytest
from calls import wait_for

TODAY = date.today()


def order(api, account, number, day, **more):
    return api.send("POST", "/v1/orders", {
        "externalSystem": "erp", "externalId": f"{account}-{number}", "accountId": account,
        "orderedOn": day.isoformat(), "amount": {"amount": "10.00", "currency": "USD"}, **more})


def test_the_ninth_order_makes_stable_once_its_return_reverts_and_a_repeat_does_nothing(platform):
    api = platform.tenant("ninth-order")
    api.ok("PUT", "/v1/lifecycle-policy", {"stableFromOrder": 9, "atRiskAfterDays": 90, "lostAfterDays": 180})
    account = api.ok("POST", "/v1/accounts", {"name": "Ninth"})["id"]

    def state():
        return api.ok("GET", f"/v1/accounts/{account}")["lifecycle"]

    def steps():
        return [(step["from"], step["to"], step["reason"]) for step in
                api.ok("GET", f"/v1/accounts/{account}/lifecycle")["items"]]

    for number in range(1, 9):
        assert order(api, account, number, TODAY)[0] == 201
    assert state() == "developing" and len(steps()) == 2
    ninth = order(api, account, 9, TODAY)[2]
    assert state() == "stable"
    assert steps()[0] == ("developing", "stable", "order number 9")
    assert order(api, account, 9, TODAY)[0] == 200
    assert state() == "stable" and len(steps()) == 3
    api.ok("POST", f"/v1/orders/{ninth['id']}/return", {})
    assert state() == "developing" and len(steps()) == 4
    # Each step was one event.
    told = wait_for(lambda: (items := api.ok("GET", f"/v1/accounts/{account}/timeline?kind=lifecycle")["items"])[3:] and items)
    assert [entry["details"]["toState"] for entry in told] == ["developing", "stable", "developing", "signed"]
    first = api.ok("GET", f"/v1/accounts/{account}/lifecycle?limit=3")
    rest = api.ok("GET", f"/v1/accounts/{account}/lifecycle?limit=3&cursor={first['nextCursor']}")
    assert [step["to"] for step in first["items"] + rest["items"]] == ["developing", "stable", "developing", "signed"]
    assert rest["nextCursor"] is None and first["state"] == "developing"


def test_thresholds_are_the_tenants_here_and_in_reports(platform):
    api = platform.tenant("thresholds")
    account = api.ok("POST", "/v1/accounts", {"name": "Two orders"})["id"]
    for number in (1, 2):
        assert order(api, account, number, TODAY - timedelta(days=40 - number))[0] == 201

    def states(query=""):
        report = api.ok("GET", f"/v1/analytics/customers?groupBy=lifecycle&asOf={TODAY}{query}")
        return {group["key"]: group["customers"] for group in report["groups"]}

    wait_for(lambda: states() == {"developing": 1})
    usual = api.ok("GET", "/v1/lifecycle-policy")
    assert usual["version"] == 0 and usual["stableFromOrder"] == 9
    policy = {"stableFromOrder": 2, "atRiskAfterDays": 60, "lostAfterDays": 70}
    status, headers, answer = api.send("PUT", "/v1/lifecycle-policy", policy, If_Match='"0"')
    assert status == 200 and answer["version"] == 1 and headers["ETag"] == '"1"'
    position = headers["X-Guanxi-Position"]
    assert states(f"&waitFor={position}") == {"stable": 1}
    # The question's own override, one by one; the tenant's stand for the others.
    assert states("&stableFromOrder=3") == {"developing": 1}
    assert states("&atRiskAfterDays=10") == {"atRisk": 1}
    assert states("&atRiskAfterDays=10&lostAfterDays=20") == {"lost": 1}
    assert api.send("GET", "/v1/analytics/customers?groupBy=lifecycle&lostAfterDays=30")[0] == 422
    # The account itself follows without another order.
    wait_for(lambda: api.ok("GET", f"/v1/accounts/{account}")["lifecycle"] == "stable", seconds=90)
    assert api.send("PUT", "/v1/lifecycle-policy", policy, If_Match='"0"')[0] == 412
    assert api.send("PUT", "/v1/lifecycle-policy", {**policy, "lostAfterDays": 60})[0] == 422
    assert platform.key("thresholds", "sales").send("PUT", "/v1/lifecycle-policy", policy)[0] == 403


def test_the_timeline_tells_everything_in_order(platform):
    api = platform.tenant("timeline")
    lead = api.ok("POST", "/v1/leads", {"company": "广州海风贸易有限公司", "person": "王", "source": "web"})
    api.ok("POST", f"/v1/leads/{lead['id']}/activities", {"kind": "call", "text": "wants a quote"})
    done = wait_for(lambda: completed(api, lead["id"]))
    account, deal = done["accountId"], done["opportunityId"]
    api.ok("POST", f"/v1/opportunities/{deal}/win", {"amount": {"amount": "500.00", "currency": "USD"}})
    status, headers, _ = order(api, account, 1, TODAY)
    assert status == 201
    path = f"/v1/accounts/{account}/timeline"

    def entries(query=""):
        return api.ok("GET", f"{path}?sort=at{query}")["items"]

    wanted = ["lead.created", "lead.activity-added", "account.created", "contact.created", "opportunity.created",
              "lead.converted", "opportunity.won", "order.created", "account.lifecycle-changed"]
    assert "order.created" in [entry["type"] for entry in entries(f"&waitFor={headers['X-Guanxi-Position']}")]
    wait_for(lambda: [entry["type"] for entry in entries() if entry["type"] in wanted] == wanted)
    won = next(entry for entry in entries() if entry["type"] == "opportunity.won")
    assert won["summary"]["zh"].startswith("赢单：") and won["summary"]["en"].startswith("Opportunity won: ")
    assert won["subject"]["id"] == deal and won["kind"] == "opportunity"
    assert [entry["kind"] for entry in entries("&kind=lifecycle,activity")] == ["activity", "lifecycle"]
    assert entries(f"&at.gte={won['at']}")[0]["type"] == "opportunity.won"
    assert entries(f"&at.lt={won['at']}")[-1]["type"] != "opportunity.won"
    seen, cursor = [], ""
    while True:
        page = api.ok("GET", f"{path}?limit=2{cursor}")
        seen += page["items"]
        if page["nextCursor"] is None:
            break
        cursor = f"&cursor={page['nextCursor']}"
    assert seen == list(reversed(entries()))
    for query in ("kind=nonsense", "sort=kind", "limit=0", "cursor=abc", "color=red", "fields=at", "waitFor=x"):
        assert api.send("GET", f"{path}?{query}")[0] == 400, query
    stranger = platform.tenant("timeline-of-another")
    assert stranger.send("GET", path)[0] == 404
    other = api.ok("POST", "/v1/accounts", {"name": "Other"})["id"]
    assert api.send("GET", f"/v1/accounts/{other}/timeline?limit=2{cursor}")[0] == 400


def completed(api, lead, body=None):
    status, _, answer = api.send("POST", f"/v1/leads/{lead}/convert", body or {})
    return status == 201 and answer


def test_a_conversion_takes_what_it_is_told_and_its_key_is_kept(platform):
    api = platform.tenant("named")
    account = api.ok("POST", "/v1/accounts", {"name": "There already"})["id"]
    contact = api.ok("POST", "/v1/contacts", {"name": "Li", "accountId": account})["id"]
    lead = api.ok("POST", "/v1/leads", {"company": "Another name", "person": "Li"})["id"]
    body = {"accountId": account, "contactId": contact}

    def converted():
        status, headers, answer = api.send("POST", f"/v1/leads/{lead}/convert", body, Idempotency_Key="c-1")
        return status == 201 and answer

    done = wait_for(converted)
    assert done["accountId"] == account and done["contactId"] == contact and done["opportunityId"]
    assert converted() == done
    assert api.send("POST", f"/v1/leads/{lead}/convert", {"accountId": account}, Idempotency_Key="c-1")[0] == 422
    assert len(api.ok("GET", "/v1/accounts")["items"]) == 1
    by_contact = api.ok("POST", "/v1/leads", {"person": "Li"})["id"]
    assert wait_for(lambda: completed(api, by_contact, {"contactId": contact}))["accountId"] == account
    # A contact of somebody else: nothing is left of the attempt.
    stranger = api.ok("POST", "/v1/accounts", {"name": "Stranger"})["id"]
    third = api.ok("POST", "/v1/leads", {"company": "Third"})["id"]
    refused = {"accountId": stranger, "contactId": contact}
    wait_for(lambda: api.send("POST", f"/v1/leads/{third}/convert", refused)[0] == 422)
    assert api.ok("GET", f"/v1/leads/{third}")["status"] == "qualified"
    assert len(api.ok("GET", "/v1/accounts")["items"]) == 2


@pytest.mark.parametrize("policy,repeat", [("block", 409), ("link", 200)])
@pytest.mark.parametrize("collection,body", [
    ("leads", {"company": "海风有限公司", "phone": "13800138000"}), ("accounts", {"name": "海风有限公司"})])
def test_the_same_thing_at_the_same_moment_obeys_the_policy(platform, collection, body, policy, repeat):
    api = platform.tenant(f"{policy}-{collection}")
    path = "/v1/duplicate-policy" if collection == "leads" else "/v1/accounts/duplicate-policy"
    api.ok("PUT", path, {"policy": policy})
    assert api.ok("GET", path)["policy"] == policy
    statuses = []
    threads = [threading.Thread(target=lambda: statuses.append(api.send("POST", f"/v1/{collection}", body)[0]))
               for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == sorted([201] + [repeat] * 15)
    assert len(api.ok("GET", f"/v1/{collection}")["items"]) == 1


@pytest.mark.parametrize("service", ["customers", "opportunities", "leads"])
def test_a_service_killed_in_the_middle_leaves_no_half_conversion(platform, service):
    api = platform.tenant(f"killed-{service}")
    leads = [api.ok("POST", "/v1/leads", {"company": f"Company {n}", "person": "P", "email": f"p{n}@example.com"})["id"]
             for n in range(12)]

    def convert(lead):
        try:
            api.send("POST", f"/v1/leads/{lead}/convert", {}, Idempotency_Key=lead)
        except OSError:
            pass

    threads = [threading.Thread(target=convert, args=[lead]) for lead in leads]
    for thread in threads[:6]:
        thread.start()
    platform.system.kill(service)
    for thread in threads[6:]:
        thread.start()
    platform.system.restart(service)
    for thread in threads:
        thread.join()

    def converted(lead):
        status, _, answer = api.send("POST", f"/v1/leads/{lead}/convert", {}, Idempotency_Key=lead)
        return status == 201 and answer

    answers = [wait_for(lambda: converted(lead), seconds=90) for lead in leads]
    for collection, member in [("accounts", "accountId"), ("contacts", "contactId"), ("opportunities", "opportunityId")]:
        items = api.ok("GET", f"/v1/{collection}?limit=100")["items"]
        assert {item["id"] for item in items} == {answer[member] for answer in answers}
        assert len(items) == len(leads), collection
