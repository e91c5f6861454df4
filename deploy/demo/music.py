"""Every purchase of the customers who first bought in 1997 Q1 at an online music shop (CDNOW).

The file numbers no orders, so an order's external number is its row. Amounts of 0 are kept.
"""

from itertools import islice
from pathlib import Path

from tenant import Tenant

SYSTEM = "cdnow"
POLICY = {"stableFromOrder": 9, "atRiskAfterDays": 90, "lostAfterDays": 180}


def load(operator, data, limit=None):
    rows = list(purchases(Path(data) / "cdnow" / "CDNOW_master.txt", limit))
    tenant = Tenant(operator, "music", "Music shop", "UTC", "USD")
    tenant.api.put("/v1/lifecycle-policy", POLICY)
    customers = dict.fromkeys(customer for _, customer, _, _ in rows)
    there = tenant.external("/v1/accounts", SYSTEM, "version")
    tenant.bulk("customers", "/v1/accounts", [
        {"externalSystem": SYSTEM, "externalId": customer, "name": f"Customer {customer}"}
        for customer in customers if customer not in there])
    there = tenant.external("/v1/orders", SYSTEM, "version")
    tenant.bulk("orders", "/v1/orders", [
        {"externalSystem": SYSTEM, "externalId": number, "accountExternalId": customer, "orderedOn": day,
         "amount": {"amount": value, "currency": "USD"}}
        for number, customer, day, value in rows if number not in there])


def purchases(path, limit=None):
    """(row number, customer, ISO date, amount) for each line below the header."""
    with open(path, encoding="ascii") as file:
        for number, line in enumerate(islice(file, 1, None if limit is None else limit + 1), 1):
            customer, day, _, value = line.split()
            yield str(number), customer, f"{day[:4]}-{day[4:6]}-{day[6:]}", value
