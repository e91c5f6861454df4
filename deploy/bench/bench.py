#!/usr/bin/env python3
"""Measures speed and size, each speed as a ratio to a floor taken in the same run on the same machine.

Everything runs here: load generators, gateway, services, PostgreSQL. Build in release mode first.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "deploy" / "demo"), str(ROOT / "deploy" / "local")]
import idle  # noqa: E402
import imports  # noqa: E402
import visibility  # noqa: E402
from client import Api, ApiError  # noqa: E402
from drive import Refused, pgbench, psql, wrk  # noqa: E402
from system import LOGS, SERVICES, System  # noqa: E402
from tenant import Tenant  # noqa: E402

PAGE = "/v1/leads?limit=50&status=new&region=Central&sort=-createdAt"


class Bench:
    def __init__(self, system, options):
        self.system, self.options, self.results = system, options, []

    def result(self, what, got, promise, holds, unit):
        """One line of the table; `promise` is the limit as text."""
        self.results.append({"what": what, "got": got, "unit": unit, "promise": promise, "holds": holds})
        print(f"{'ok' if holds else 'SLOW':>5}  {what:<58}{got:>10,.2f} {unit:<8} {promise}", flush=True)

    def at_least(self, what, got, limit, unit=""):
        self.result(what, got, f"at least {limit}", got >= limit, unit)

    def at_most(self, what, got, limit, unit):
        self.result(what, got, f"at most {limit}", got <= limit, unit)

    def prepare(self):
        """A tenant with a rule and a source, as writes meet them."""
        known = self.system.environment()
        self.url = known["GUANXI_URL"]
        tenant = Tenant(Api(self.url, known["GUANXI_OPERATOR_KEY"]), "bench", "Bench", "UTC", "USD")
        self.api = tenant.api
        tenant.ensure("/v1/sources", [{"key": "website", "name": "Web site", "kind": "web"}], "key")
        self.database = self.system.database("guanxi_leads")
        self.names = {
            "tenant": tenant.info["id"], "schema": f"t_{tenant.info['id']}",
            "role": f"guanxi_leads_t_{tenant.info['id']}"}

    def writes(self):
        seconds, connections = self.options.seconds, self.options.connections
        wrk(self.url, self.api.key, "post", 3, connections)  # warms both sides
        floor = pgbench(self.database, "post_lead.sql", seconds, connections, self.names)
        ours = wrk(self.url, self.api.key, "post", seconds, connections)
        print(f"       POST {ours['rate']:,.0f}/s p50 {ours['p50']:.1f} p99 {ours['p99']:.1f} ms; "
              f"pgbench {floor:,.0f}/s; {connections} connections")
        self.at_least("POST /v1/leads, of pgbench's rate for the same SQL", ours["rate"] / floor, 0.35)

    def reads(self):
        seconds, connections = self.options.seconds, self.options.connections
        ids = [lead["id"] for lead, _ in zip(self.api.list("/v1/leads", fields="id"), range(5000))]
        names = {**self.names, "ids": "', '".join(ids)}
        floor = pgbench(self.database, "get_lead.sql", seconds, connections, names)
        ours = wrk(self.url, self.api.key, "get", seconds, connections, [f"/v1/leads/{id}" for id in ids])
        print(f"       GET {ours['rate']:,.0f}/s p50 {ours['p50']:.1f} p99 {ours['p99']:.1f} ms; "
              f"pgbench {floor:,.0f}/s; {connections} connections")
        self.at_least("GET /v1/leads/{id}, of pgbench's rate for the same select", ours["rate"] / floor, 0.20)

    def visible(self):
        seen = visibility.measure(self.url, self.api.key, self.options.seconds)
        print(f"       {seen['rate']:.0f} writes/s, {seen['samples']} samples")
        self.at_least("writes a second while looking", seen["rate"], 0.97 * visibility.WRITES_A_SECOND, "/s")
        self.at_most("write answered to visible in analytics, p50", seen["p50"], 30, "ms")
        self.at_most("write answered to visible in analytics, p99", seen["p99"], 150, "ms")

    def events(self):
        """The relay and the projections must keep up with the writes: what is left after a burst is gone soon."""
        began = time.monotonic()
        burst = wrk(self.url, self.api.key, "post", self.options.seconds, self.options.connections)
        written = time.monotonic()
        position = self.api.call("POST", "/v1/leads", {"company": f"Last of {time.time_ns()}"}).headers[
            "X-Guanxi-Position"]
        while True:
            try:
                self.api.get("/v1/analytics/leads", waitFor=position)
                break
            except ApiError:
                if time.monotonic() - written > 300:
                    raise
        behind = time.monotonic() - written
        rate = burst["rate"] * (written - began) / (written - began + behind)
        print(f"       {burst['rate']:,.0f} writes/s for {written - began:.0f} s, all visible {behind:.2f} s later")
        self.at_least("events projected, of the write path's rate", rate / burst["rate"], 0.95)

    def imported(self):
        self.at_most(
            f"import of {self.options.rows:,} leads by CSV", imports.measure(self.api, self.options.rows),
            60 * self.options.rows / 100_000, "s")

    def pages(self):
        there = int(psql(self.database, f'select count(*) from "{self.names["schema"]}".leads')[0])
        fill = (HERE / "fill_leads.sql").read_text().replace("{{schema}}", self.names["schema"])
        psql(self.database, fill, count=max(0, self.options.leads - there))
        pages, cursor = [], None
        for _ in range(200):
            path = PAGE + (f"&cursor={cursor}" if cursor else "")
            pages.append(path)
            cursor = self.api.get(path)["nextCursor"]
        ours = wrk(self.url, self.api.key, "get", self.options.seconds, 2, pages)
        print(f"       {ours['rate']:,.0f} pages/s, p50 {ours['p50']:.1f} ms")
        self.at_most(f"a page of 50 of {self.options.leads:,} leads, p99", ours["p99"], 15, "ms")

    def size(self):
        for service in SERVICES:
            self.at_most(f"{service} ready from a warm database", idle.ready_seconds(self.system, service), 1, "s")
        time.sleep(10)
        for service in SERVICES:
            size = idle.resident_megabytes(self.system.pid(service))
            self.at_most(f"{service} idle, resident", size, 60, "MB")


PARTS = ["writes", "reads", "visible", "events", "imported", "pages", "size"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--log", choices=LOGS, default="postgres", help="event log (postgres)")
    parser.add_argument("--seconds", type=int, default=10, help="of each measurement (10)")
    parser.add_argument("--connections", type=int, default=16, help="of wrk and pgbench alike (16)")
    parser.add_argument("--rows", type=int, default=100_000, help="of the CSV import (100000)")
    parser.add_argument("--leads", type=int, default=1_000_000, help="in the table of the page (1000000)")
    parser.add_argument("--json", type=Path, help="file for the results")
    return parser.parse_args()


def main():
    options = arguments()
    system = System("bench", options.log)
    bench = Bench(system, options)
    try:
        system.start()
        bench.prepare()
        for part in options.parts:
            getattr(bench, part)()
    except (ApiError, Refused, OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"bench: {error} {getattr(error, 'stderr', None) or ''}")
    finally:
        system.stop(keep=False)
        if options.json:
            options.json.write_text(json.dumps(bench.results, indent=2))
    slow = sum(not result["holds"] for result in bench.results)
    print(f"Bench: {len(bench.results) - slow} of {len(bench.results)} promises hold")
    sys.exit(1 if slow else 0)


if __name__ == "__main__":
    main()
