"""The web leads of a seller of online courses ("Leads X Education").

The leads have no name, phone or e-mail: the prospect's id is the external one. `Select` is what
the form shows before anything is chosen, so it means "not given", as an empty field does.
"""

from pathlib import Path

from hardware import read
from tenant import Tenant
from tenant import convert as convert_lead
from workers import each, note

SYSTEM = "x-education"


def load(operator, data, limit=None):
    rows = [given(row) for row in read(Path(data) / "x-education" / "leads.csv", limit)]
    tenant = Tenant(operator, "education", "Online courses", "UTC", "USD")
    tenant.ensure("/v1/pipelines", [{"name": "Courses", "template": "simple"}])
    sources(tenant, rows)
    there = tenant.external("/v1/leads", SYSTEM, "status")
    tenant.bulk("leads", "/v1/leads", [lead(row) for row in rows if row["Prospect ID"] not in there])
    there = tenant.external("/v1/leads", SYSTEM, "status")
    each("conversions", [
        (row, there[row["Prospect ID"]]["id"]) for row in rows
        if row["Converted"] == "1" and there[row["Prospect ID"]]["status"] != "converted"],
        lambda pair: convert(tenant.api, *pair))


def given(row):
    """The row's fields that say something."""
    return {name: value if value not in ("", "Select") else None for name, value in row.items() if name}


def sources(tenant, rows):
    names = sorted({row["Lead Source"] for row in rows if row["Lead Source"]})
    tenant.ensure("/v1/sources", [{"key": name, "name": name, "kind": "other"} for name in names], "key")
    absent = sum(row["Lead Source"] is None for row in rows)
    note(f"{len(names)} sources; {absent} leads without one keep none")


def lead(row):
    details = [row.get("Lead Origin"), row.get("Tags"), row.get("Last Activity")]
    return {
        "externalSystem": SYSTEM, "externalId": row["Prospect ID"], "source": row["Lead Source"],
        "region": row["Country"], "product": row["Specialization"],
        "need": " · ".join(filter(None, details)) or None}


def convert(api, row, lead):
    name = f"Prospect {row['Lead Number']}"
    convert_lead(api, lead, {
        "account": {"name": name, "country": row["Country"]},
        "opportunity": {"name": f"{name}: {row['Specialization'] or 'course'}"}})
