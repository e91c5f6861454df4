"""Opportunities and reports from outside: the forecast's figures, the lists behind numbers, and who sees what."""

import datetime

import pytest
from calls import Caller, wait_for

TODAY = datetime.datetime.now(datetime.timezone.utc).date()
YEAR = str(TODAY.year)


def usd(amount):
    return {"amount": amount, "currency": "USD"}


def fill(api, stages, **more):
    """A million in each stage; the last one, the signed, is won."""
    deals = [
        api.ok("POST", "/v1/opportunities", {
            "name": f"Deal {stage}", "stage": stage, "amount": usd("1000000.00"), **more})
        for stage in stages[:-1] + stages[-2:-1]]
    won = api.send("POST", f"/v1/opportunities/{deals[-1]['id']}/win", {})
    assert won[0] == 200
    return deals, won[1]["X-Guanxi-Position"]


@pytest.fixture(scope="module")
def sold(platform):
    """A tenant with the simple pipeline filled and a target of five millions."""
    api = platform.tenant("forecast")
    api.deals, api.position = fill(api, ["contact", "needs", "proposal", "negotiation", "signed"])
    _, headers, _ = api.send("POST", "/v1/targets", {"period": YEAR, "amount": usd("5000000.00")})
    api.position += "," + headers["X-Guanxi-Position"]
    return api


def test_five_stages_of_a_million_weigh_2600000(sold):
    forecast = sold.ok("GET", f"/v1/forecast?period={YEAR}")
    assert forecast["weightedAmount"] == usd("2600000.00")
    assert forecast["signed"] == usd("1000000.00") and forecast["openWeightedAmount"] == usd("1600000.00")
    assert forecast["shortfall"] == usd("2400000.00") and forecast["coverage"] == 0.52
    whole = [forecast["categories"][name]["count"] for name in ("commit", "bestCase", "pipeline")]
    assert whole == [1, 1, 2]


def test_what_if_rates_amounts_and_the_target_were_others(sold):
    def ask(body):
        return sold.ok("POST", "/v1/forecast/what-if", {"period": YEAR, **body})

    rates = ask({"winRates": [{"stage": "needs", "winRate": 50}]})
    assert rates["whatIf"]["weightedAmount"] == usd("2800000.00")
    assert rates["base"]["weightedAmount"] == usd("2600000.00")
    assert rates["difference"]["weightedAmount"] == usd("200000.00")
    amounts = ask({"amounts": [{"opportunityId": sold.deals[3]["code"], "amount": usd("2000000.00")}]})
    assert amounts["whatIf"]["weightedAmount"] == usd("3300000.00")
    assert ask({"target": usd("3000000.00")})["whatIf"]["shortfall"] == usd("400000.00")
    # Nothing was changed.
    assert sold.ok("GET", f"/v1/forecast?period={YEAR}")["weightedAmount"] == usd("2600000.00")
    for body, status in [
            ({"winRates": [{"stage": "signed", "winRate": 50}]}, 422), ({"winRates": [{"stage": "needs", "winRate": 101}]}, 422),
            ({"winRates": {"needs": 50}}, 422), ({"amounts": [{"opportunityId": "x", "amount": usd("1.00")}]}, 422),
            ({"target": {"amount": "1.00", "currency": "CNY"}}, 422), ({"period": "2026-Q5"}, 400), ({"nothing": 1}, 422)]:
        got, _, problem = sold.send("POST", "/v1/forecast/what-if", {"period": YEAR, **body})
        assert got == status, (body, problem)


def test_the_decision_chain_weighs_3800000(sold):
    chain = sold.ok("POST", "/v1/pipelines", {"name": "决策链", "template": "decisionChain"})
    fill(sold, ["contact", "supporter", "keySupporter", "covered", "bid", "signed"], pipelineId=chain["id"])
    forecast = sold.ok("GET", f"/v1/forecast?period={YEAR}&pipelineId={chain['id']}")
    assert forecast["weightedAmount"] == usd("3800000.00")
    simple = next(item for item in sold.ok("GET", "/v1/pipelines")["items"] if item["id"] != chain["id"])
    assert sold.ok("GET", f"/v1/forecast?period={YEAR}&pipelineId={simple['id']}")["weightedAmount"] == usd("2600000.00")


def test_the_funnel_says_the_same_and_shows_empty_stages(sold):
    empty = sold.ok("POST", "/v1/pipelines", {"name": "Empty", "template": "project"})

    def settled():
        funnel = sold.ok("GET", f"/v1/analytics/funnel?period={YEAR}&waitFor={sold.position}")
        forecast = sold.ok("GET", f"/v1/forecast?period={YEAR}")
        same = all(funnel[name] == forecast[name] for name in ("weightedAmount", "target", "shortfall", "coverage"))
        stages = [stage for stage in funnel["stages"] if stage["pipelineId"] == empty["id"]]
        return same and len(stages) == 5 and funnel

    funnel = wait_for(settled)
    for stage in funnel["stages"]:
        for figure, link in stage["drill"].items():
            if link:
                assert sold.ok("GET", f"{link}&count=exact")["count"] == stage[figure], link


def test_each_list_is_as_long_as_its_figure_says(sold):
    """Whatever a report counts: its drill names exactly these."""
    for number in range(6):
        deal = sold.ok("POST", "/v1/opportunities", {
            "name": f"Drill {number}", "amount": usd(f"{number}00.00"), "source": ["Web, ads", "fair", None][number % 3]})
        if number % 2:
            sold.ok("POST", f"/v1/opportunities/{deal['id']}/lose", {"reason": ["price", "time"][number % 4 // 2]})
        sold.ok("POST", "/v1/leads", {"company": f"Lead {number}", "source": ["Web, ads", "fair"][number % 2]})
    account = sold.ok("POST", "/v1/accounts", {"name": "Drilled"})
    for number in range(3):
        status, headers, _ = sold.send("POST", "/v1/orders", {
            "accountId": account["id"], "externalSystem": "erp", "externalId": f"d{number}", "orderedOn": str(TODAY),
            "amount": usd("10.00")})
        assert status == 201
    wait = f"waitFor={headers['X-Guanxi-Position']}"
    compared = 0
    for report in [
            "leads?groupBy=source", "leads?groupBy=month", "opportunities?groupBy=source,stage", "opportunities?groupBy=quarter",
            "opportunities?groupBy=lostReason&amountFrom=200.00", "opportunities?groupBy=owner,week", "opportunities?groupBy=region",
            f"opportunities?asOf={TODAY}", "customers?groupBy=lifecycle", "customers?groupBy=quadrant", "customers?groupBy=cohort,month"]:

        def differences(report=report):
            answer = sold.ok("GET", f"/v1/analytics/{report}{'&' if '?' in report else '?'}{wait}")
            wrong, seen = [], 0
            for group in answer["groups"] + [answer["total"]]:
                for figure, link in group["drill"].items():
                    if link is None:
                        assert group[figure] is None
                        continue
                    count = sold.ok("GET", f"{link}{'&' if '?' in link else '?'}count=exact&limit=1")["count"]
                    seen += 1
                    if count != group[figure]:
                        wrong.append((link, count, group[figure]))
            return wrong, seen

        compared += wait_for(lambda: differences()[0] == [] and differences()[1])
    assert compared > 50


def test_activities_of_an_opportunity(sold):
    path = f"/v1/opportunities/{sold.deals[0]['code']}/activities"
    told = sold.ok("POST", path, {"kind": "visit", "text": "见了总工", "occurredAt": "2026-01-05T08:00:00Z"})
    assert told["lastActivityAt"] == "2026-01-05T08:00:00.000Z"
    assert sold.ok("GET", path)["items"][0]["text"] == "见了总工"
    assert sold.send("POST", path, {"kind": "note"})[0] == 422


def test_a_won_opportunity_gets_a_contract_whose_payments_age(sold):
    won = sold.deals[-1]
    contract = sold.ok("POST", "/v1/contracts", {
        "opportunityId": won["id"], "amount": usd("1000000.00"), "signedOn": "2026-01-01", "number": "HT-1",
        "payments": [{"dueOn": "2026-02-01", "amount": usd("400000.00"), "paidOn": "2026-02-01", "paid": usd("400000.00")},
                     {"dueOn": "2026-03-01", "amount": usd("600000.00")}]})
    assert contract["paid"] == usd("400000.00")
    ageing = sold.ok("GET", "/v1/contracts/ageing?asOf=2026-03-11")
    assert {item["bucket"]: item["payments"] for item in ageing["buckets"]}["days1to30"] == 1
    assert ageing["total"] == usd("600000.00")
    assert sold.send("POST", "/v1/contracts", {
        "opportunityId": sold.deals[0]["id"], "amount": usd("1.00"), "signedOn": "2026-01-01"})[0] == 409


def test_win_rates_are_measured_and_the_way_of_leads_is_told(platform):
    api = platform.tenant("measured")
    for number in range(10):
        deal = api.ok("POST", "/v1/opportunities", {"name": f"Deal {number}"})
        act, body = ("win", {}) if number == 0 else ("lose", {"reason": "price"})
        _, headers, _ = api.send("POST", f"/v1/opportunities/{deal['id']}/{act}", body)
    lead = api.ok("POST", "/v1/leads", {"company": "Way", "source": "web"})
    api.ok("POST", f"/v1/leads/{lead['id']}/qualify", {})

    def measured():
        stages = api.ok("GET", f"/v1/analytics/stages?waitFor={headers['X-Guanxi-Position']}")["stages"]
        return stages and stages[0]["reached"] == 10 and stages

    stages = wait_for(measured)
    assert stages[0]["winRate"] == 10 and stages[0]["measuredWinRate"] == 0.1
    assert stages[-1]["measuredWinRate"] == 1
    wait_for(lambda: [step["count"] for step in api.ok("GET", "/v1/analytics/journey?groupBy=source")["total"]["steps"]]
             == [1, 1, 0, 0, 0, 0])


# Who sees what


@pytest.fixture(scope="module")
def staff(platform):
    """Two teams, one below the other, and a third; a person of each kind, logged in."""
    admin = platform.tenant("visible")
    teams = {}
    for name, parent in [("North", None), ("City", "North"), ("South", None)]:
        teams[name] = admin.ok("POST", "/v1/teams", {"name": name, "region": name, "parentId": teams.get(parent)})["id"]
    people = {"admin": admin, "teams": teams}
    for login, role, team in [
            ("ann", "sales", "City"), ("ben", "sales", "City"), ("bo", "sales", "South"), ("chief", "manager", "North"),
            ("lead", "manager", "South"), ("boss", "executive", None)]:
        user = admin.ok("POST", "/v1/users", {
            "login": login, "name": login.title(), "role": role, "teamId": teams.get(team)})
        token = admin.ok("POST", f"/v1/users/{user['id']}/password-reset", {})["token"]
        Caller(platform.port).ok("POST", "/v1/password-resets", {"token": token, "password": "correct horse battery 9"})
        session = Caller(platform.port).ok(
            "POST", "/v1/sessions", {"tenant": "visible", "user": login, "password": "correct horse battery 9"})
        people[login] = Caller(platform.port, session["accessToken"])
        people[login].id = user["id"]
    return people


SEES = {"ann": ["ann"], "ben": ["ben"], "bo": ["bo"], "chief": ["ann", "ben"], "lead": ["bo"],
        "boss": ["ann", "ben", "bo"], "admin": ["ann", "ben", "bo"]}


@pytest.mark.parametrize("path,field,change", [
    ("/v1/leads", "company", {"need": "x"}), ("/v1/opportunities", "name", {"description": "x"})])
def test_lists_reads_and_writes_show_what_one_may_see(staff, path, field, change):
    made = {}
    for login in ("ann", "ben", "bo"):
        made[login] = staff[login].ok("POST", path, {field: f"Of {login}"})
        assert made[login]["ownerId"] == staff[login].id
    for who, owners in SEES.items():
        listed = staff[who].ok("GET", f"{path}?count=exact&limit=100")
        assert sorted(item[field] for item in listed["items"]) == [f"Of {owner}" for owner in owners], who
        assert listed["count"] == len(owners)
        for login, item in made.items():
            one = f"{path}/{item['id']}"
            assert staff[who].send("GET", one)[0] == (200 if login in owners else 404), (who, login)
            if login in owners:
                continue
            absent = staff[who].send("PATCH", one, change)
            assert absent[0] == (403 if who == "boss" else 404), (who, login)
            assert staff[who].send("POST", f"{one}/activities", {"kind": "call"})[0] == absent[0]
            assert staff[who].send("GET", f"{one}/activities")[0] == 404
    assert staff["boss"].send("PATCH", f"{path}/{made['ann']['id']}", change)[0] == 403
    staff["ann"].ok("PATCH", f"{path}/{made['ann']['id']}", change)
    staff["chief"].ok("PATCH", f"{path}/{made['ben']['id']}", change)


def test_customers_and_their_orders_are_seen_by_their_owner_and_his_managers(staff):
    made = {}
    for login in ("ann", "ben", "bo"):
        account = staff[login].ok("POST", "/v1/accounts", {"name": f"Customer of {login}"})
        contact = staff[login].ok("POST", "/v1/contacts", {"name": login, "accountId": account["id"]})
        orders = [staff["admin"].ok("POST", "/v1/orders", {
            "accountId": account["id"], "orderedOn": str(TODAY), "amount": usd("1.00"), "externalSystem": "seen",
            "externalId": f"{login}-{number}", **more})
            for number, more in enumerate([{}, {"ownerId": staff[login].id}])]
        made[login] = [("accounts", account), ("contacts", contact)] + [("orders", order) for order in orders]
    for who, owners in SEES.items():
        for login, objects in made.items():
            for collection, item in objects:
                status = staff[who].send("GET", f"/v1/{collection}/{item['id']}")[0]
                assert status == (200 if login in owners else 404), (who, login, collection)
        for collection, each in [("accounts", 1), ("contacts", 1), ("orders", 2)]:
            assert staff[who].ok("GET", f"/v1/{collection}?count=exact")["count"] == each * len(owners), (who, collection)


def test_a_conversion_names_only_what_one_may_see(staff):
    account = staff["bo"].ok("POST", "/v1/accounts", {"name": "Hidden"})["id"]
    contact = staff["bo"].ok("POST", "/v1/contacts", {"name": "Hidden", "accountId": account})["id"]
    lead = staff["ann"].ok("POST", "/v1/leads", {"company": "Converts"})["id"]
    path, nobody = f"/v1/leads/{lead}/convert", "01910000-0000-7000-8000-000000000001"

    def answer(body):
        status, _, problem = staff["ann"].send("POST", path, body)
        return status != 202 and (status, problem)

    for member, hidden in [("accountId", account), ("contactId", contact)]:
        status, problem = wait_for(lambda: answer({member: hidden}))
        absent = wait_for(lambda: answer({member: nobody}))
        assert status == 422 and absent[0] == 422, problem
        assert problem["detail"].replace(hidden, "") == absent[1]["detail"].replace(nobody, "")
    own = staff["ann"].ok("POST", "/v1/accounts", {"name": "Seen"})["id"]
    status, done = wait_for(lambda: answer({"accountId": own}))
    assert status == 201 and done["accountId"] == own
    # Its manager sees what came of it; the other's account is as it was.
    assert staff["chief"].ok("GET", f"/v1/opportunities/{done['opportunityId']}")["accountId"] == own
    for collection, item in [("leads", lead), ("accounts", own), ("opportunities", done["opportunityId"])]:
        staff["admin"].ok("DELETE", f"/v1/{collection}/{item}")
    for collection, item in [("contacts", contact), ("accounts", account)]:
        staff["admin"].ok("DELETE", f"/v1/{collection}/{item}")


OWNED = [("leads", {"company": "Owned"}), ("opportunities", {"name": "Owned"}), ("accounts", {"name": "Owned"}),
         ("contacts", {"name": "Owned"}), ("targets", {"period": YEAR, "amount": usd("1.00")})]


def test_somebody_made_a_moment_ago_owns_at_once_and_nobody_owns_nothing(platform):
    admin = platform.tenant("owners")
    team = admin.ok("POST", "/v1/teams", {"name": "Here"})["id"]
    for round, (collection, body) in enumerate(OWNED * 4):
        user = admin.ok("POST", "/v1/users", {
            "login": f"new{round}", "name": "New", "role": "sales", "teamId": team})["id"]
        made = admin.ok("POST", f"/v1/{collection}", {**body, "ownerId": user})
        assert made["ownerId"] == user and made.get("teamId") == (None if collection == "targets" else team)
    admin.ok("PATCH", f"/v1/users/{user}", {"status": "inactive"})
    nobody = "01910000-0000-7000-8000-000000000001"
    for collection, body in OWNED:
        for owner, code, says in [(nobody, "unknownReference", "没有该用户"), (user, "inactiveUser", "已停用")]:

            def refused():
                status, _, problem = admin.send(
                    "POST", f"/v1/{collection}", {**body, "ownerId": owner}, Accept_Language="zh")
                return status == 422 and problem["errors"]

            # That somebody left is known a moment later.
            error, = wait_for(refused)
            assert (error["path"], error["code"]) == ("/ownerId", code) and says in error["message"]
    rule = {"name": "R", "assign": {"userId": user}}
    assert admin.send("POST", "/v1/assignment-rules", rule)[2]["errors"][0]["path"] == "/assign/userId"
    job = admin.send(
        "POST", "/v1/leads/imports", f"company,ownerId\nA,{nobody}\nB,\n".encode(), Content_Type="text/csv")[2]
    wait_for(lambda: admin.ok("GET", f"/v1/leads/imports/{job['id']}")["status"] == "done")
    rows = admin.ok("GET", f"/v1/leads/imports/{job['id']}/rows")["items"]
    assert [row["status"] for row in rows] == ["refused", "created"]
    assert rows[0]["error"]["errors"][0]["path"] == "/ownerId"


def test_figures_are_of_what_one_may_see(staff):
    positions = []
    for login, amount in [("ann", "100.00"), ("ben", "20.00"), ("bo", "3.00")]:
        deal = staff[login].ok("POST", "/v1/opportunities", {"name": "Won", "amount": usd(amount), "source": "figures"})
        _, headers, _ = staff[login].send("POST", f"/v1/opportunities/{deal['id']}/win", {})
        positions.append(headers["X-Guanxi-Position"])
    wait = "waitFor=" + ",".join(positions)
    for who, won in [("ann", "100.00"), ("bo", "3.00"), ("chief", "120.00"), ("lead", "3.00"), ("boss", "123.00")]:
        report = staff[who].ok("GET", f"/v1/analytics/opportunities?groupBy=owner&{wait}")
        assert report["total"]["wonValue"] == usd(won), who
        assert {group["key"] for group in report["groups"]} == {owner.title() for owner in SEES[who]}, who
        for group in report["groups"]:
            link = group["drill"]["won"]
            assert staff[who].ok("GET", f"{link}&count=exact")["count"] == group["won"]
        assert staff[who].ok("GET", f"/v1/analytics/funnel?period={YEAR}")["won"] == usd(won), who
        assert staff[who].ok("GET", f"/v1/forecast?period={YEAR}")["signed"] == usd(won), who
        regions = staff[who].ok("GET", "/v1/analytics/opportunities?groupBy=region")
        for group in regions["groups"]:
            assert staff[who].ok("GET", f"{group['drill']['won']}&count=exact")["count"] == group["won"], who


def test_giving_away_needs_permission_and_brings_the_team(staff):
    deal = staff["ann"].ok("POST", "/v1/opportunities", {"name": "Given"})
    path = f"/v1/opportunities/{deal['id']}"
    assert staff["ann"].send("PATCH", path, {"ownerId": staff["bo"].id})[0] == 403
    assert staff["ann"].send("POST", f"{path}/assign", {"ownerId": staff["bo"].id})[0] == 403
    given = staff["chief"].ok("POST", f"{path}/assign", {"ownerId": staff["bo"].id, "reason": "moved"})
    assert given["teamId"] == staff["teams"]["South"]
    assert [staff[who].send("GET", path)[0] for who in ("ann", "chief", "bo", "lead")] == [404, 404, 200, 200]
    staff["admin"].ok("DELETE", path)
