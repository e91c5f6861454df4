"""The pipeline of a seller of computer hardware (Maven Analytics' "CRM Sales Opportunities")."""

import csv
from decimal import Decimal
from itertools import islice
from pathlib import Path

from tenant import Tenant, login, midnight
from workers import each, note

SYSTEM = "maven-crm"
# The pipeline file writes a product's name in its own way.
ALIASES = {"GTX Pro": ["GTXPro"]}
SPELLING = {"technolgy": "technology"}
# Key, name, configured win rate; the last one is being won.
STAGES = [("prospecting", "Prospecting", 10), ("engaging", "Engaging", 50), ("won", "Won", 100)]


def read(path, limit=None):
    with open(path, newline="", encoding="utf-8-sig") as file:
        return list(islice(csv.DictReader(file), limit))


def load(operator, data, limit=None):
    folder = Path(data) / "maven-crm"
    tenant = Tenant(operator, "hardware", "Hardware", "UTC", "USD")
    owners = people(tenant, read(folder / "sales_teams.csv"))
    products(tenant, read(folder / "products.csv"))
    accounts = companies(tenant, read(folder / "accounts.csv"))
    pipeline = tenant.ensure("/v1/pipelines", [{
        "name": "Hardware sales", "template": "custom",
        "stages": [
            {"key": key, "zh": name, "en": name, "winRate": rate}
            for key, name, rate in STAGES],
    }])["Hardware sales"]
    deals = read(folder / "sales_pipeline.csv", limit)
    opportunities(tenant, deals, owners, accounts, pipeline)
    orders(tenant, deals, accounts)


def people(tenant, agents):
    """A team for each regional office, below it one for each manager; agents report to the manager."""
    managers = {agent["manager"]: agent["regional_office"] for agent in agents}
    regions = sorted(set(managers.values()))
    offices = tenant.ensure("/v1/teams", [{"name": region, "region": region} for region in regions])
    heads = tenant.ensure("/v1/users", [
        user(name, "manager", offices[region]["id"]) for name, region in managers.items()], "login")
    teams = tenant.ensure("/v1/teams", [
        {"name": f"{region}, {name}", "region": region, "parentId": offices[region]["id"],
         "managerId": heads[login(name)]["id"]} for name, region in managers.items()])
    users = tenant.ensure("/v1/users", [
        {**user(agent["sales_agent"], "sales",
                teams[f"{agent['regional_office']}, {agent['manager']}"]["id"]),
         "managerId": heads[login(agent["manager"])]["id"]} for agent in agents], "login")
    note(f"{len(agents)} agents of {len(managers)} managers in {len(regions)} regional offices")
    return {agent["sales_agent"]: users[login(agent["sales_agent"])] for agent in agents}


def user(name, role, team):
    return {
        "login": login(name), "name": name, "email": f"{login(name)}@hardware.example", "role": role,
        "teamId": team, "language": "en"}


def products(tenant, rows):
    tenant.upsert("/v1/products", SYSTEM, [
        {"externalId": row["product"], "name": row["product"], "series": row["series"],
         "aliases": ALIASES.get(row["product"], []),
         "listPrice": {"amount": f"{row['sales_price']}.00", "currency": "USD"}} for row in rows])
    note(f"{len(rows)} products, GTXPro an alias of GTX Pro")


def companies(tenant, rows):
    """Accounts by name, parents first. The file's revenue is in millions."""
    def account(row, parent):
        return {
            "externalId": row["account"], "name": row["account"], "parentId": parent,
            "industry": SPELLING.get(row["sector"], row["sector"]), "country": row["office_location"],
            "employees": int(row["employees"]),
            "annualRevenue": {"amount": f"{Decimal(row['revenue']) * 1_000_000:.2f}", "currency": "USD"}}

    made, waiting = {}, rows
    while waiting:
        ready = [row for row in waiting if row["subsidiary_of"] in ("", *made)]
        made |= tenant.upsert("/v1/accounts", SYSTEM, [
            account(row, made[row["subsidiary_of"]]["id"] if row["subsidiary_of"] else None) for row in ready])
        waiting = [row for row in waiting if row["account"] not in made]
    corrected = sum(row["sector"] in SPELLING for row in rows)
    note(f"{len(rows)} accounts ({corrected} times \"technolgy\" corrected to \"technology\")")
    return made


def opportunities(tenant, deals, owners, accounts, pipeline):
    """Each deal is made as prospecting, moved to engaging on its date, and won or lost on its date."""
    def body(deal):
        owner = owners[deal["sales_agent"]]
        return {
            "externalSystem": SYSTEM, "externalId": deal["opportunity_id"],
            "name": f"{deal['account'] or 'Unnamed customer'}: {deal['product']}",
            "accountId": accounts[deal["account"]]["id"] if deal["account"] else None,
            "ownerId": owner["id"], "teamId": owner["teamId"], "pipelineId": pipeline["id"],
            "stage": "prospecting", "product": deal["product"], "quantity": 1,
            **({"occurredAt": midnight(deal["engage_date"])} if deal["engage_date"] else {})}

    there = tenant.external("/v1/opportunities", SYSTEM, "stage,status")
    tenant.bulk("opportunities made", "/v1/opportunities", [
        body(deal) for deal in deals if deal["opportunity_id"] not in there])
    there = tenant.external("/v1/opportunities", SYSTEM, "stage,status")

    def path(deal, act):
        return f"/v1/opportunities/{there[deal['opportunity_id']]['id']}/{act}"

    def engage(deal):
        tenant.api.post(path(deal, "move"), {"stage": "engaging", "occurredAt": midnight(deal["engage_date"])})

    def close(deal):
        if deal["deal_stage"] == "Won":
            amount = {"amount": f"{deal['close_value']}.00", "currency": "USD"}
            tenant.api.post(path(deal, "win"), {"amount": amount, "occurredAt": midnight(deal["close_date"])})
        else:
            lost = {"reason": "not recorded", "occurredAt": midnight(deal["close_date"])}
            tenant.api.post(path(deal, "lose"), lost)

    def still_open(deal):
        return there[deal["opportunity_id"]]["status"] == "open"

    each("moved to engaging", [
        deal for deal in deals if deal["engage_date"] and still_open(deal)
        and there[deal["opportunity_id"]]["stage"] == "prospecting"], engage)
    each("won or lost", [deal for deal in deals if deal["close_date"] and still_open(deal)], close)
    tenant.opportunities = there


def orders(tenant, deals, accounts):
    """Won deals become orders; the opportunity's number is the order's."""
    there = tenant.external("/v1/orders", SYSTEM, "status")
    tenant.bulk("orders", "/v1/orders", [
        {"externalSystem": SYSTEM, "externalId": deal["opportunity_id"],
         "accountId": accounts[deal["account"]]["id"],
         "opportunityId": tenant.opportunities[deal["opportunity_id"]]["id"], "orderedOn": deal["close_date"],
         "amount": {"amount": f"{deal['close_value']}.00", "currency": "USD"}}
        for deal in deals if deal["deal_stage"] == "Won" and deal["opportunity_id"] not in there])
