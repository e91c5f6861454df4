#!/usr/bin/env python3
"""Small files of the project's own in the shape of the public data sets, with all their traps.

`samples.py FOLDER` writes maven-crm/, x-education/ and cdnow/ under FOLDER, the same bytes each
time. The short form of the real-data tests loads them where the public sets are not at hand.
"""

import csv
import random
import sys
from datetime import date, timedelta
from pathlib import Path

PRODUCTS = [("GTX Pro", "GTX", 4821), ("GTX Basic", "GTX", 550), ("Lark 7", "Lark", 55)]
TEAMS = [
    ("Ada Fields", "Nora Quill", "North"), ("Ben Stone", "Nora Quill", "North"),
    ("Chen Wei", "Omar Reyes", "South"), ("Dana Lowe", "Omar Reyes", "South"),
]
ACCOUNTS = [
    ("Harbour Works", "technolgy", "Norway", ""), ("Quayside, Ltd", "retail", "Kenya", "Harbour Works"),
    ("Mill & Sons", "medical", "Japan", ""), ("Tarnhill", "finance", "Brazil", "Mill & Sons"),
]
SOURCES = ["Google", "google", "Direct Traffic", "Olark Chat", "", "Select"]


def write(path, header, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(lines)


def deal(number, chance):
    """One line of the pipeline: won, lost, engaging or prospecting, with the dates that stage has."""
    stage = chance.choices(["Won", "Lost", "Engaging", "Prospecting"], [5, 3, 2, 1])[0]
    engaged = date(2016, 10, 20) + timedelta(chance.randrange(400))
    closed = engaged + timedelta(chance.randrange(1, 140))
    product, _, price = chance.choice(PRODUCTS)
    open_without_account = stage in ("Engaging", "Prospecting") and chance.random() < 0.7
    return [
        f"S{number:04}", chance.choice(TEAMS)[0], product.replace("GTX Pro", "GTXPro"),
        "" if open_without_account else chance.choice(ACCOUNTS)[0], stage,
        "" if stage == "Prospecting" else engaged, closed if stage in ("Won", "Lost") else "",
        {"Won": price + chance.randrange(-20, 20), "Lost": 0}.get(stage, ""),
    ]


def hardware(folder, chance, scale):
    write(folder / "products.csv", ["product", "series", "sales_price"], PRODUCTS)
    write(folder / "sales_teams.csv", ["sales_agent", "manager", "regional_office"], TEAMS)
    header = ["account", "sector", "year_established", "revenue", "employees", "office_location", "subsidiary_of"]
    write(
        folder / "accounts.csv", header,
        [[name, sector, 1990, "718.62", 2448, place, parent] for name, sector, place, parent in ACCOUNTS])
    header = [
        "opportunity_id", "sales_agent", "product", "account", "deal_stage", "engage_date", "close_date",
        "close_value"]
    write(folder / "sales_pipeline.csv", header, [deal(number, chance) for number in range(120 * scale)])


def education(folder, chance, scale):
    header = [
        "Prospect ID", "Lead Number", "Lead Origin", "Lead Source", "Do Not Email", "Converted", "TotalVisits",
        "Country", "Specialization", "City", "Tags"]
    lines = [
        [f"sample-{number:04}", 1000 + number, "API", chance.choice(SOURCES), "No", chance.randrange(2),
         chance.choice(["", "3"]), chance.choice(["India", ""]), "Select", chance.choice(["Mumbai", "Select"]), ""]
        for number in range(80 * scale)]
    write(folder / "leads.csv", header, lines)


def music(folder, chance, scale):
    """Customers of every lifecycle state; some amounts are 0, one line stands there twice."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for customer in range(1, 30 * scale + 1):
        day = date(1997, 1, 1) + timedelta(chance.randrange(540))
        for _ in range(chance.choice([1, 2, 4, 9, 12])):
            value = chance.choice([0, 1177, 1497, 2933])
            lines.append(f" {customer:05} {day:%Y%m%d} {chance.randrange(1, 4):2} {value / 100:7.2f}")
            day = min(day + timedelta(chance.choice([0, 20, 60, 185])), date(1998, 6, 30))
    lines.insert(5, lines[4])
    text = "\r\n".join([" customer_id  date number_of_cds  dollar_value", *lines, ""])
    (folder / "CDNOW_master.txt").write_bytes(text.encode("ascii"))


def make(folder, scale=1):
    """120 opportunities, 80 leads and 30 customers, each times `scale`."""
    folder = Path(folder)
    hardware(folder / "maven-crm", random.Random(1), scale)
    education(folder / "x-education", random.Random(2), scale)
    music(folder / "cdnow", random.Random(3), scale)
    return folder


if __name__ == "__main__":
    make(sys.argv[1])
