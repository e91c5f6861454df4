#!/usr/bin/env python3
"""Measures speed and size, each speed as a ratio to a floor taken in the same run on the same machine.

Everything runs here: load generators, gateway, services, PostgreSQL. Build in release mode first. Floors and
measurements take turns for some rounds and medians count, because other work on the machine changes what either reaches.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack, nullcontext
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "deploy" / "demo"), str(ROOT / "deploy" / "local")]
import events  # noqa: E402
import flames  # noqa: E402
import idle  # noqa: E402
import imports  # noqa: E402
import pages  # noqa: E402
import visibility  # noqa: E402
from client import Api, ApiError  # noqa: E402
from drive import Refused, alone, make_log_files, pgbench, psql, wrk  # noqa: E402
from processor import Floor, Meter  # noqa: E402
from system import LOGS, SERVICES, System  # noqa: E402
from table import Table  # noqa: E402
from tenant import Tenant  # noqa: E402

COLUMNS = """
    select string_agg(quote_ident(column_name), ', ' order by ordinal_position) from information_schema.columns
    where table_schema = '{}' and table_name = 'leads' and column_name not in ('search', 'match_keys')
"""


class Bench:
    def __init__(self, system, options):
        self.system, self.options, self.table = system, options, Table()
        self.write_rate = None

    def prepare(self):
        """A tenant with a source, and the names that the floors' SQL needs."""
        known = self.system.environment()
        self.url = known["GUANXI_URL"]
        self.operator = Api(self.url, known["GUANXI_OPERATOR_KEY"])
        tenant = Tenant(self.operator, "bench", "Bench", "UTC", "USD")
        self.api = tenant.api
        tenant.ensure("/v1/sources", [{"key": "website", "name": "Web site", "kind": "ownSite"}], "key")
        self.database = self.system.database("guanxi_leads")
        make_log_files(self.database)
        schema = f"t_{tenant.info['id']}"
        self.names = {"schema": schema, "role": f"guanxi_leads_{schema}",
                      "columns": psql(self.database, COLUMNS.format(schema))[0]}

    def _rounds(self, connections, act, script, names, paths=None):
        """(measured, floor, ratio of processor times) of each round, after one that warms both sides."""
        seconds = self.options.seconds
        wrk(self.url, self.api.key, act, seconds, connections, paths)
        pairs = []
        for number in range(1, self.options.rounds + 1):
            events.settle(self.system)
            with alone(self.system, SERVICES, self.database):
                meter = Floor(self.system)
                floor = pgbench(self.database, script, seconds, connections, names)
                cheap = meter.per_call(floor["rate"] * seconds)
            wrk(self.url, self.api.key, act, 1, connections, paths)
            meter = Meter(self.system, SERVICES)
            ours = wrk(self.url, self.api.key, act, seconds, connections, paths)
            costs = meter.per_call(ours["calls"])
            print(f"       round {number}: {ours['rate']:,.0f}/s, p50 {ours['p50']:.1f} ms, p99 {ours['p99']:.1f} ms; "
                  f"pgbench {floor['rate']:,.0f}/s; {connections} connections; processor time a call "
                  f"{sum(costs.values()):.0f} µs, pgbench's {cheap:.0f} µs", flush=True)
            pairs.append((ours["rate"], floor["rate"], cheap / sum(costs.values())))
        self._show(costs, "a call of the last round")
        return pairs

    @staticmethod
    def _show(costs, of, least=5):
        """Each part; those below `least` µs as one."""
        shown = {part: cost for part, cost in costs.items() if cost >= least}
        if len(shown) < len(costs):
            shown[f"{len(costs) - len(shown)} others"] = sum(costs.values()) - sum(shown.values())
        parts = ", ".join(f"{part} {cost:.{0 if cost >= 20 else 1}f}" for part, cost in shown.items())
        print(f"       processor time, µs {of}: {parts}; {sum(costs.values()):.0f} in all", flush=True)

    def _flames(self, what, *services):
        """Draws where these services spend the time of a block, when asked to."""
        if not self.options.flames:
            return nullcontext()
        drawn = ExitStack()
        for service in services:
            drawn.enter_context(flames.recorded(
                self.options.flames / f"{what}-{service}.svg", f"{service}: {what}", self.system.pid(service)))
        return drawn

    def _flame(self, what, act, *services, paths=None):
        if self.options.flames:
            with self._flames(what, *services):
                wrk(self.url, self.api.key, act, 2 * self.options.seconds, self.options.connections[0], paths)

    def writes(self):
        for connections in self.options.connections:
            pairs = self._rounds(connections, "post", "post_lead.sql", self.names)
            self.write_rate = statistics.median(ours for ours, _, _ in pairs)
            self.table.ratio(f"POST /v1/leads, of pgbench's rate for the same transaction, {connections} connections",
                             pairs, 0.60)
        self._flame("post", "post", "gateway", "leads")

    def reads(self):
        wrk(self.url, self.api.key, "post", 2, self.options.connections[0])  # some to read
        ids = psql(self.database, f'select id from "{self.names["schema"]}".leads order by created_at desc limit 5000')
        names = {**self.names, "ids": "', '".join(ids), "count": str(len(ids))}
        for connections in self.options.connections:
            pairs = self._rounds(connections, "get", "get_lead.sql", names, [f"/v1/leads/{id}" for id in ids])
            self.table.ratio(f"GET /v1/leads/{{id}}, of pgbench's rate for the same select, {connections} connections",
                             pairs, 0.35)
        self._flame("get", "get", "gateway", "leads", paths=[f"/v1/leads/{id}" for id in ids])

    def visible(self):
        # In a tenant of its own: the report's own time, which grows with what it counts, is not what is measured.
        tenant = Tenant(self.operator, "bench-visible", "Visible", "UTC", "USD")
        tenant.ensure("/v1/sources", [{"key": "website", "name": "Web site", "kind": "ownSite"}], "key")
        seen = visibility.measure(self.url, tenant.api.key, 2 * self.options.seconds)
        print(f"       {seen['rate']:.0f} writes/s, {seen['samples']} samples")
        self.table.at_least("writes a second while looking", seen["rate"], 0.97 * visibility.WRITES_A_SECOND, "/s")
        self.table.at_most("from a write's answer to visible in analytics, p50", seen["p50"], 30, "ms")
        self.table.at_most("from a write's answer to visible in analytics, p99", seen["p99"], 150, "ms")

    def foreign(self):
        if self.options.log != "kafka":
            print("       skipped: a foreign client needs Kafka (--log kafka)", flush=True)
            return
        import foreign  # its client is not needed otherwise

        known = self.system.environment()
        other = self.system.database("guanxi_gateway")
        servers = known["KAFKA_BOOTSTRAP_SERVERS"]
        # A broker that has just started is compiling itself; more than this at once would leave the database with a table
        # to clear up meanwhile.
        foreign.measure(servers, self.url, self.api.key, 40)
        for what, meanwhile in (("", nullcontext()), (", another transaction open", foreign.open_transaction(other, 60))):
            with meanwhile:
                seen = foreign.measure(servers, self.url, self.api.key, 2 * self.options.seconds)
            print(f"       {seen['rate']:.0f} writes/s, {seen['samples']} samples{what}", flush=True)
            self.table.at_most(f"from a write's answer to a foreign Kafka client{what}, p50", seen["p50"], 2, "ms")
            self.table.at_most(f"from a write's answer to a foreign Kafka client{what}, p99", seen["p99"], 10, "ms")

    def events(self):
        if self.write_rate is None:
            self.write_rate = wrk(
                self.url, self.api.key, "post", self.options.seconds, self.options.connections[0])["rate"]
        floor = None
        if self.options.log == "kafka":
            # First: the relay, too, meets a broker that has compiled itself.
            known = self.system.environment()
            events.settle(self.system)
            with alone(self.system, SERVICES, self.database):
                floor = events.producer_floor(known["KAFKA_HOME"], known["KAFKA_BOOTSTRAP_SERVERS"])
        (relay, relaying), (consumer, applying) = events.measure(
            self.system, self.database, self.names, self.options.heap, self._flames)
        self.table.at_least("relay, events a second (floor: POST's rate)", relay, self.write_rate, "/s",
                            floor=self.write_rate)
        self._show(relaying, "an event of the relay", least=0.5)
        if floor:
            self.table.ratio("relay, of kafka-producer-perf-test's rate when warm", [(relay, floor, relay / floor)], 0.6)
        self.table.at_least("analytics consumer, events a second (floor: POST's rate)", consumer, self.write_rate, "/s",
                            floor=self.write_rate)
        self._show(applying, "an event applied", least=0.5)
        mine = sum(cost for part, cost in applying.items() if part.endswith("analytics consumer") or part == "analytics")
        self.table.at_least("analytics consumer, events a second of one core", 1e6 / mine, 30_000, "/s")

    def imported(self):
        rows = self.options.rows
        meter = Meter(self.system, SERVICES)
        seconds = imports.measure(self.api, rows)
        self._show(meter.per_call(rows), "a row")
        self.table.at_most(f"import of {rows:,} leads by CSV", seconds, 60 * rows / 100_000, "s")

    def pages(self):
        pages.fill_up(self.database, self.names, self.options.leads)
        with self._flames("pages", "leads"):
            measured = list(pages.measure(self))
        for what, ours, floor, promise in measured:
            self.table.at_most(f"{what} of {self.options.leads:,} leads, p99", ours, promise, "ms", floor=floor)

    def size(self):
        for service in SERVICES:
            self.table.at_most(f"{service} ready from a warm database",
                               idle.ready_seconds(self.system, service), 1, "s")
        time.sleep(10)
        for service in SERVICES:
            self.table.at_most(f"{service} idle, resident", idle.resident_megabytes(self.system.pid(service)), 60, "MB")


PARTS = ["size", "writes", "reads", "visible", "foreign", "events", "imported", "pages"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--log", choices=LOGS, default="postgres", help="event log (postgres)")
    parser.add_argument("--seconds", type=int, default=6, help="of each measurement (6)")
    parser.add_argument("--rounds", type=int, default=3, help="of floor and measurement in turn (3)")
    parser.add_argument("--connections", type=int, nargs="+", default=[16, 64],
                        help="of wrk and pgbench alike, one after the other (16 64)")
    parser.add_argument("--heap", type=int, default=50_000, help="events for relay and consumer (50000)")
    parser.add_argument("--rows", type=int, default=100_000, help="of the CSV import (100000)")
    parser.add_argument("--leads", type=int, default=1_000_000, help="in the table of the pages (1000000)")
    parser.add_argument("--flames", type=Path, help="folder for flame graphs of the services (needs perf)")
    parser.add_argument("--json", type=Path, help="file for the results")
    return parser.parse_args()


def main():
    options = arguments()
    print(f"==> benchmarks on {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}: everything below shares them",
          flush=True)
    system = System("bench", options.log)
    bench = Bench(system, options)
    try:
        system.start()
        bench.prepare()
        for part in options.parts:
            print(f"==> {part}", flush=True)
            getattr(bench, part)()
    except (ApiError, Refused, OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"bench: {error} {getattr(error, 'stderr', None) or ''}")
    finally:
        system.stop(keep=False)
        if options.json:
            options.json.write_text(json.dumps(bench.table.rows, indent=2))
    print(bench.table)
    rows, missed = bench.table.rows, bench.table.missed
    print(f"Bench: {len(rows) - len(missed)} of {len(rows)} promises hold")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
