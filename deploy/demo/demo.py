"""The project's own demo data: two invented business units, one Chinese and one English.

Made by rule, the same each time; dates count back from the day the tenant was made, so that
running it again meets what is there.
"""

import random
from datetime import date, timedelta

import demo_names as names
from tenant import Tenant, midnight
from tenant import convert as convert_lead
from workers import each, note

SYSTEM = "demo"
STAGES = [("contact", 10), ("need", 30), ("solution", 50), ("negotiation", 70), ("signed", 100)]


def load(operator, data=None, limit=None):
    for unit in (names.NANHUA, names.HARDWARE):
        fill(operator, unit, limit or unit["leads"])


def fill(operator, unit, count):
    tenant = Tenant(operator, unit["slug"], unit["name"], unit["timeZone"], unit["currency"])
    note(f"tenant {unit['slug']} ({unit['name']})")
    chance = random.Random(unit["slug"])
    today = date.fromisoformat(tenant.info["createdAt"][:10])
    teams, users = people(tenant, unit)
    rules(tenant, unit, teams, users)
    prices = products(tenant, unit)
    pipeline = tenant.ensure("/v1/pipelines", [{
        "name": unit["pipeline"], "template": "custom", "stages": [
            {"key": key, "zh": unit["stages"][order], "en": key.capitalize(), "winRate": rate}
            for order, (key, rate) in enumerate(STAGES)]}])[unit["pipeline"]]
    leads = [lead(unit, number, chance, today) for number in range(count)]
    made = capture(tenant, leads)
    plans = [plan(body, made[body["externalId"]], chance, today, prices) for body in leads]
    convert(tenant, [row for row in plans if row["reach"] > 0], pipeline)
    advance(tenant, plans)
    orders(tenant, plans)


def people(tenant, unit):
    lines = tenant.ensure("/v1/business-lines", [
        {"name": name, "key": key, "region": None} for key, name in unit["lines"]], "key")
    teams = tenant.ensure("/v1/teams", [{"name": name, "region": name} for name in unit["regions"]])
    users = tenant.ensure("/v1/users", [
        {"login": login, "name": name, "email": f"{login}@{unit['slug']}.example", "role": role,
         "teamId": teams[region]["id"], "language": unit["language"]}
        for login, name, role, region in unit["people"]], "login")
    tenant.lines = lines
    return teams, users


def rules(tenant, unit, teams, users):
    tenant.ensure("/v1/sources", [
        {"key": key, "name": name, "kind": kind} for key, name, kind in unit["sources"]], "key")
    by_region = [
        {"name": region, "position": position, "active": True,
         "when": {"field": "region", "op": "eq", "value": region},
         "assign": {"teamId": teams[region]["id"], "strategy": "roundRobin"}}
        for position, region in enumerate(unit["regions"], 1)]
    rest = {"name": unit["rest"], "position": len(by_region) + 1, "active": True, "when": None,
            "assign": {"userId": users[unit["people"][0][0]]["id"]}}
    tenant.ensure("/v1/assignment-rules", [*by_region, rest])


def products(tenant, unit):
    tenant.upsert("/v1/products", SYSTEM, [
        {"externalId": name, "name": name, "series": series, "aliases": aliases,
         "listPrice": money(price, unit["currency"])} for name, series, aliases, price in unit["products"]])
    return {name: money(price, unit["currency"]) for name, _, _, price in unit["products"]}


def money(whole, currency):
    return {"amount": f"{whole}.00", "currency": currency}


def lead(unit, number, chance, today):
    """A lead of the last 120 days; roughly one in ten names no person."""
    company = chance.choice(unit["heads"]) + chance.choice(unit["trades"]) + unit["suffix"]
    person = chance.choice(unit["persons"]) if chance.random() < 0.9 else None
    return {
        "externalSystem": SYSTEM, "externalId": f"L{number:04}", "company": company, "person": person,
        "phone": unit["phone"].format(number),
        "source": chance.choice(unit["sources"])[0], "region": chance.choice(unit["regions"]),
        "product": chance.choice(unit["products"])[0],
        "occurredAt": midnight(today - timedelta(5 + chance.randrange(115)))}


def capture(tenant, leads):
    there = tenant.external("/v1/leads", SYSTEM, "status")
    tenant.bulk("leads", "/v1/leads", [body for body in leads if body["externalId"] not in there])
    return tenant.external("/v1/leads", SYSTEM, "status,company,accountId,opportunityId")


def plan(body, there, chance, today, prices):
    """What becomes of a lead: how many stages its opportunity reaches (0: it stays a lead), and how it ends."""
    reach = chance.choices([0, 1, 2, 3, 4, 5], [50, 12, 12, 10, 8, 8])[0]
    start = date.fromisoformat(body["occurredAt"][:10]) + timedelta(1)
    end = None
    if reach:
        end = "won" if reach == 5 else chance.choices(["lost", None], [3, 7])[0]
    price = prices[body["product"]]
    quantity = chance.randrange(1, 6)
    return {
        "externalId": body["externalId"], "lead": there, "reach": reach, "end": end, "start": start,
        "product": body["product"], "quantity": quantity,
        "name": f"{body['company']}: {body['product']}",
        "days": [start + timedelta(step * (today - start).days // 7) for step in range(7)],
        "amount": {**price, "amount": f"{int(price['amount'][:-3]) * quantity}.00"}}


def convert(tenant, plans, pipeline):
    def send(row):
        convert_lead(tenant.api, row["lead"]["id"], {
            "occurredAt": midnight(row["start"]),
            "opportunity": {
                "name": row["name"], "amount": row["amount"], "pipelineId": pipeline["id"],
                "expectedCloseDate": (row["start"] + timedelta(90)).isoformat()}})

    each("conversions", [row for row in plans if row["lead"]["status"] != "converted"], send)
    there = tenant.external("/v1/leads", SYSTEM, "status,accountId,opportunityId")
    for row in plans:
        row["lead"] = there[row["externalId"]]


def advance(tenant, plans):
    """Moves each opportunity through the stages it reaches and closes it."""
    keys = [key for key, _ in STAGES]
    now = {item["id"]: item for item in tenant.api.list("/v1/opportunities", fields="id,stage,status")}

    def go(row):
        path = f"/v1/opportunities/{row['lead']['opportunityId']}"
        reached = keys.index(now[row["lead"]["opportunityId"]]["stage"])
        for step in range(reached + 1, min(row["reach"], len(keys) - 1)):
            tenant.api.post(f"{path}/move", {"stage": keys[step], "occurredAt": midnight(row["days"][step])})
        if row["end"] == "won":
            tenant.api.post(f"{path}/win", {"amount": row["amount"], "occurredAt": midnight(row["days"][5])})
        elif row["end"] == "lost":
            tenant.api.post(f"{path}/lose", {"reason": "price", "occurredAt": midnight(row["days"][5])})

    each("opportunities", [
        row for row in plans if row["reach"] and now[row["lead"]["opportunityId"]]["status"] == "open"], go)


def orders(tenant, plans):
    """A won opportunity brings its order, and some customers order again."""
    there = tenant.external("/v1/orders", SYSTEM, "version")
    rows = []
    for row in (row for row in plans if row["end"] == "won"):
        again = int(row["externalId"][1:]) % 3
        for turn in range(1 + again):
            rows.append({
                "externalSystem": SYSTEM, "externalId": f"{row['externalId']}-{turn + 1}",
                "accountId": row["lead"]["accountId"],
                "opportunityId": row["lead"]["opportunityId"] if turn == 0 else None,
                "orderedOn": row["days"][5 + min(turn, 1)].isoformat(), "amount": row["amount"]})
    tenant.bulk("orders", "/v1/orders", [row for row in rows if row["externalId"] not in there])
