#!/usr/bin/env python3
"""Asks the analytics API for what `expected.py` computes from the files, and compares every figure.

Projections follow events, so it asks again until all is equal or nothing has changed for a while.
Exit code 1 when a figure differs.
"""

import argparse
import json
import sys
import time
from decimal import Decimal
from pathlib import Path

import expected

sys.path.insert(0, str(Path(__file__).parents[2] / "deploy" / "demo"))
from client import ApiError  # noqa: E402
from load import environment  # noqa: E402
from tenant import reader  # noqa: E402

ALL_TIME = {"from": "1990-01-01", "to": "2199-12-31"}
QUIET = 15.0  # seconds without a change after which differences are final


def plain(value):
    """A figure in one spelling: money as its amount, numbers as decimals, absent as None."""
    if isinstance(value, dict):
        value = value.get("amount")
    return None if value is None else Decimal(str(value)).normalize()


class Comparison:
    """What was asked, and each figure that should be and that is."""

    def __init__(self, api):
        self.api, self.figures = api, []

    def figure(self, what, should, got):
        self.figures.append((what, plain(should), plain(got)))

    def members(self, what, should, got):
        for member, value in should.items():
            self.figure(f"{what}.{member}", value, (got or {}).get(member))

    def report(self, subject, group_by=None, groups=None, total=None, **query):
        """One report: its total, and its groups by their names, none more and none fewer."""
        path = f"/v1/analytics/{subject}"
        answer = self.api.get(path, **query, **({"groupBy": group_by} if group_by else {}))
        if total:
            self.members(f"{subject} total", total, answer["total"])
        if groups is None:
            return
        got = {name(group): group for group in answer["groups"]}
        for key, should in groups.items():
            self.members(f"{subject} {group_by}={key}", should, got.pop(key, None))
        for key, group in got.items():
            if any(plain(value) for member, value in group.items() if member in next(iter(groups.values()), {})):
                self.figure(f"{subject} {group_by}={key} (not in the file)", 0, 1)

    def count(self, path, should, **query):
        answer = self.api.get(path, limit=1, count="exact", **query)
        self.figure(f"{path} {query}", should, answer["count"])

    @property
    def wrong(self):
        return [figure for figure in self.figures if figure[1] != figure[2]]


def name(group):
    """What people call a group: its label where its key is an id."""
    return group.get("label") or group["key"]


def hardware(compare, figures):
    compare.report("opportunities", total=figures["total"], **ALL_TIME)
    for group_by in ("product", "owner", "manager", "region", "quarter"):
        compare.report("opportunities", group_by, figures[group_by], figures["total"], **ALL_TIME)
    stages = {stage: {"open": count} for stage, count in figures["stage"].items()}
    compare.report("opportunities", "stage", stages)
    compare.count("/v1/opportunities", figures["withoutAccount"], **{"accountId.isNull": "true"})
    for status in ("won", "lost", "open"):
        compare.count("/v1/opportunities", figures["total"][status], status=status)
    compare.report("customers", total=figures["orders"], **ALL_TIME)


def education(compare, figures):
    compare.report("leads", "source", figures["source"], figures["total"], **ALL_TIME)
    compare.count("/v1/leads", figures["total"]["created"])
    compare.count("/v1/leads", figures["total"]["converted"], status="converted")
    compare.count("/v1/opportunities", figures["total"]["converted"])
    compare.count("/v1/accounts", figures["total"]["converted"])


def music(compare, figures):
    compare.report("customers", total=figures["total"], **ALL_TIME)
    for group_by in ("month", "quarter"):
        compare.report("customers", group_by, figures[group_by], **ALL_TIME)
    compare.report("customers", "lifecycle", figures["lifecycle"], asOf=expected.MUSIC_AS_OF.isoformat())
    compare.count("/v1/accounts", figures["total"]["customers"])
    compare.count("/v1/orders", figures["total"]["orders"])


QUESTIONS = {"hardware": hardware, "education": education, "music": music}


def ask(dataset, api, figures, patience):
    """Compares until all figures are equal, or nothing changed for a while, or patience ends."""
    began = changed = time.monotonic()
    last = None
    while True:
        compare = Comparison(api)
        QUESTIONS[dataset](compare, figures)
        now = time.monotonic()
        if compare.figures != last:
            last, changed = compare.figures, now
        if not compare.wrong or now - changed > QUIET or now - began > patience:
            return compare
        time.sleep(1)


def sequences(compare, path, tenant_id):
    """Each object's version is the sequence of its last event on the topics: nothing is missing."""
    seen = json.loads(Path(path).read_text()).get(tenant_id, {})
    for collection in ("leads", "opportunities", "accounts", "orders"):
        missing = [
            item["id"] for item in compare.api.list(f"/v1/{collection}", fields="id,version")
            if seen.get(item["id"]) != item["version"]]
        what = f"{collection} whose last event is not their version" + (f", as {missing[0]}" if missing else "")
        compare.figure(what, 0, len(missing))


def table(rows):
    width = max(len(row[0]) for row in rows)
    for what, should, got in [("figure", "file", "API"), *rows]:
        print(f"  {what:<{width}}  {text(should):>16}  {text(got):>16}")


def text(value):
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", choices=QUESTIONS)
    parser.add_argument("--data", required=True, help="folder with maven-crm/, x-education/ and cdnow/")
    parser.add_argument("--limit", type=int, help="only the first N rows were loaded")
    parser.add_argument("--wait", type=float, default=180, help="seconds for the projections to follow (180)")
    parser.add_argument("--sequences", help="what topics.py wrote, to compare with the objects' versions")
    options = parser.parse_args()
    figures = expected.DATASETS[options.dataset](options.data, options.limit)
    try:
        tenant_id, api = reader(environment(), options.dataset)
        compare = ask(options.dataset, api, figures, options.wait)
        if options.sequences:
            sequences(compare, options.sequences, tenant_id)
    except ApiError as error:
        sys.exit(f"{options.dataset}: {error}")
    if compare.wrong:
        table(compare.wrong)
    failed = len(compare.wrong)
    print(f"{options.dataset}: {len(compare.figures) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
