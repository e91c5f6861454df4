#!/usr/bin/env python3
"""What the reports must answer, computed from the public data files alone.

Independent on purpose: it imports nothing of the loader and asks no service, so that an error
in the product and an error here are two different errors. `expected.py DATASET DATA` prints
the figures as JSON; `check.py` compares them with the analytics API.
"""

import argparse
import csv
import json
from collections import defaultdict
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import islice
from pathlib import Path

# Spellings of the pipeline file and the product they mean.
PRODUCT_ALIASES = {"GTXPro": "GTX Pro"}
# The lifecycle of the data set "music": stable from this order on, days of silence.
STABLE_FROM, AT_RISK_AFTER, LOST_AFTER = 9, 90, 180
MUSIC_AS_OF = date(1998, 6, 30)


def rows(path, limit=None):
    with open(path, newline="", encoding="utf-8-sig") as file:
        return list(islice(csv.DictReader(file), limit))


def ratio(part, whole):
    """`part / whole` with four digits, or None when nothing is counted."""
    if whole == 0:
        return None
    return str((Decimal(part) / Decimal(whole)).quantize(Decimal("0.0001"), ROUND_HALF_UP))


def quarter(day):
    return f"{day[:4]}-Q{(int(day[5:7]) + 2) // 3}"


# Hardware: opportunities

def opportunity_figures(deals):
    stages = defaultdict(int)
    for deal in deals:
        stages[deal["deal_stage"]] += 1
    won, lost = stages["Won"], stages["Lost"]
    value = sum(int(deal["close_value"]) for deal in deals if deal["deal_stage"] == "Won")
    return {
        "won": won, "lost": lost, "open": stages["Engaging"] + stages["Prospecting"],
        "wonValue": f"{value}.00", "winRate": ratio(won, won + lost),
    }


def grouped(deals, key, figures):
    groups = defaultdict(list)
    for deal in deals:
        groups[key(deal)].append(deal)
    return {name: figures(members) for name, members in sorted(groups.items(), key=lambda g: str(g[0]))}


def hardware(data, limit=None):
    folder = Path(data) / "maven-crm"
    deals = rows(folder / "sales_pipeline.csv", limit)
    teams = {row["sales_agent"]: row for row in rows(folder / "sales_teams.csv")}
    closed = [deal for deal in deals if deal["deal_stage"] in ("Won", "Lost")]
    won = [deal for deal in deals if deal["deal_stage"] == "Won"]

    def product(deal):
        return PRODUCT_ALIASES.get(deal["product"], deal["product"])

    def period_figures(members):
        figures = opportunity_figures(members)
        del figures["open"]  # as of now, so it belongs to no period
        return figures

    return {
        "total": opportunity_figures(deals),
        "stage": {
            "prospecting": sum(deal["deal_stage"] == "Prospecting" for deal in deals),
            "engaging": sum(deal["deal_stage"] == "Engaging" for deal in deals),
        },
        "withoutAccount": sum(deal["account"] == "" for deal in deals),
        "product": grouped(deals, product, opportunity_figures),
        "owner": grouped(deals, lambda deal: deal["sales_agent"], opportunity_figures),
        "manager": grouped(deals, lambda deal: teams[deal["sales_agent"]]["manager"], opportunity_figures),
        "region": grouped(deals, lambda deal: teams[deal["sales_agent"]]["regional_office"], opportunity_figures),
        "quarter": grouped(closed, lambda deal: quarter(deal["close_date"]), period_figures),
        "orders": {
            "orders": len(won),
            "orderValue": f"{sum(int(deal['close_value']) for deal in won)}.00",
        },
    }


# Education: leads

def lead_figures(leads):
    converted = sum(lead["Converted"] == "1" for lead in leads)
    return {"created": len(leads), "converted": converted, "conversionRate": ratio(converted, len(leads))}


def education(data, limit=None):
    leads = rows(Path(data) / "x-education" / "leads.csv", limit)

    def source(lead):
        return None if lead["Lead Source"] in ("", "Select") else lead["Lead Source"]

    return {"total": lead_figures(leads), "source": grouped(leads, source, lead_figures)}


# Music: customers and orders

def purchases(path, limit=None):
    """(customer, day, value) for each line of the file."""
    with open(path, encoding="ascii") as file:
        next(file)
        for line in islice(file, limit):
            customer, day, _, value = line.split()
            yield customer, date(int(day[:4]), int(day[4:6]), int(day[6:])), Decimal(value)


def lifecycle(days, as_of):
    """The state of a customer whose orders fell on `days` (in order), or None before the first.

    Silence decides first; an order that ended a silence of the lost wins the customer back until
    the next one; otherwise the number of orders decides.
    """
    days = [day for day in days if day <= as_of]
    if not days:
        return None
    silence = (as_of - days[-1]).days
    if silence >= LOST_AFTER:
        return "lost"
    if silence >= AT_RISK_AFTER:
        return "atRisk"
    if len(days) > 1 and days[-1] - days[-2] >= timedelta(days=LOST_AFTER):
        return "wonBack"
    if len(days) >= STABLE_FROM:
        return "stable"
    return "developing" if len(days) > 1 else "signed"


def music(data, limit=None):
    orders = list(purchases(Path(data) / "cdnow" / "CDNOW_master.txt", limit))
    days, states = defaultdict(list), defaultdict(int)
    for customer, day, _ in orders:
        days[customer].append(day)
    for visits in days.values():
        states[lifecycle(sorted(visits), MUSIC_AS_OF)] += 1

    def figures(members):
        return {"orders": len(members), "orderValue": f"{sum(order[2] for order in members):.2f}"}

    return {
        "total": {"customers": len(days), **figures(orders)},
        "month": grouped(orders, lambda order: order[1].strftime("%Y-%m"), figures),
        "quarter": grouped(orders, lambda order: quarter(order[1].isoformat()), figures),
        "lifecycle": {state: {"customers": count} for state, count in sorted(states.items())},
    }


DATASETS = {"hardware": hardware, "education": education, "music": music}

if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("dataset", choices=DATASETS)
    arguments.add_argument("data", help="folder with maven-crm/, x-education/ and cdnow/")
    arguments.add_argument("--limit", type=int, help="only the first N rows of the main file")
    options = arguments.parse_args()
    print(json.dumps(DATASETS[options.dataset](options.data, options.limit), indent=2))
