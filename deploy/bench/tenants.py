#!/usr/bin/env python3
"""Measures what many tenants cost: their making, their migration while they work, their writes, their memory, their end.

Everything runs here, in a system of its own: load generators, gateway, services, PostgreSQL. Build in release mode
first. PostgreSQL keeps its default of locks a transaction.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "deploy" / "demo"), str(ROOT / "deploy" / "local")]
import events  # noqa: E402
import migrating  # noqa: E402
from client import Api, ApiError  # noqa: E402
from crowd import Crowd, Traffic  # noqa: E402
from drive import Refused, make_log_files, psql  # noqa: E402
from footprint import Footprint, Locks, locks_of_drop, processor_seconds  # noqa: E402
from system import LOGS, SERVICES, System  # noqa: E402
from table import Table  # noqa: E402
from writers import percentiles  # noqa: E402

# PostgreSQL's defaults: max_locks_per_transaction times max_connections.
LOCKS_OF_DEFAULT = 64 * 100


class Bench:
    def __init__(self, system, options):
        self.system, self.options, self.table = system, options, Table()

    def prepare(self):
        known = self.system.environment()
        self.url = known["GUANXI_URL"]
        self.operator = Api(self.url, known["GUANXI_OPERATOR_KEY"])
        self.crowd = Crowd(self.operator)
        self.database = self.system.database("guanxi_leads")
        make_log_files(self.database)

    def create(self):
        """One after the other, as a person who waits sees it."""
        times = [self.crowd.make() for _ in range(self.options.tenants)]
        hundred = min(100, max(1, len(times) // 2))
        first, last = (statistics.median(part) for part in (times[:hundred], times[-hundred:]))
        times.sort()
        self.table.at_most(f"a tenant made, median of {len(times):,}", statistics.median(times), 300, "ms")
        self.table.at_most("a tenant made, p99", times[int(len(times) * 0.99)], 300, "ms")
        print(f"       slowest {times[-1]:.0f} ms", flush=True)
        self.table.at_most(f"the last {hundred} made, median", last, 1.25 * first, "ms", floor=first)
        self.crowd.make_keys()

    def idle(self):
        """What the services and their databases do while nobody asks for anything."""
        events.settle(self.system)
        time.sleep(5)
        seconds, before = 20, processor_seconds(self.system)
        time.sleep(seconds)
        spent = processor_seconds(self.system) - before
        self.table.at_most("idle, of one processor", 100 * spent / seconds, 20, "%")

    def nothing(self):
        times = [migrating.run(self.system)[0] for _ in range(3)]
        self.table.at_most("migrate with nothing to do", statistics.median(times), 2, "s")

    def column(self):
        with Traffic(self.url, self.crowd.keys, self.options.rate) as traffic, Locks(self.database) as locks:
            seen = migrating.add_column(self.system, self.database)
        print(f"       killed after {seen['before']:,} tenants; the second run did {seen['after']:,}", flush=True)
        print(f"       {traffic.count:,} writes meanwhile, p99 {traffic.p99:.0f} ms, none refused", flush=True)
        self.table.at_most(f"a column for {self.options.tenants:,} tenants, killed and resumed", seen["seconds"], 60, "s")
        self.table.at_most("the longest lock of the migration", locks.longest, 1, "s")
        self.table.at_most("the longest wait of a write meanwhile", traffic.longest / 1000, 1, "s")

    def writes(self):
        """p99 with Zipf's share for each tenant, in turn with ten tenants that share the same number of writes: at a steady
        rate, where waiting for one another counts little, and as many as so many connections can."""
        every = self.crowd.keys
        for keys in (every[:10], every):
            self.crowd.write(self.url, keys, 2 * self.options.seconds, self.options.connections)
        self._compare(f"at {self.options.steady} a second", self._steadily)
        self._compare(f"by {self.options.connections} connections at once", lambda keys: self.crowd.write(
            self.url, keys, self.options.seconds, self.options.connections))

    def _steadily(self, keys):
        with Traffic(self.url, keys, self.options.steady) as traffic:
            time.sleep(self.options.seconds)
        return {"rate": traffic.count / self.options.seconds, **percentiles(traffic.waits)}

    def _compare(self, how, measure):
        pairs = []
        for number in range(1, self.options.rounds + 1):
            ten, every = measure(self.crowd.keys[:10]), measure(self.crowd.keys)
            print(f"       {how}, round {number}: 10 tenants {ten['rate']:,.0f}/s, p50 {ten['p50']:.1f}, "
                  f"p99 {ten['p99']:.1f} ms; {len(self.crowd.keys):,} tenants {every['rate']:,.0f}/s, "
                  f"p50 {every['p50']:.1f}, p99 {every['p99']:.1f} ms", flush=True)
            pairs.append((every["p99"], ten["p99"]))
        ours, floor = sorted(pairs, key=lambda pair: pair[0] / pair[1])[len(pairs) // 2]
        self.table.at_most(f"p99 of a write {how}, {len(self.crowd.keys):,} tenants after Zipf (floor: 10)", ours,
                           1.3 * floor, "ms", floor=floor)

    def memory(self):
        """An hour's worth of requests, as fast as they go."""
        footprint, done, quarter = Footprint(self.system), 0, self.options.requests // 4
        while done < self.options.requests:
            part = self.crowd.write(self.url, self.crowd.keys, self.options.seconds, self.options.connections)
            done += part["calls"]
            if done >= quarter * (len(footprint.samples) + 1):
                print(f"       {done:,} requests: {footprint.take()}", flush=True)
        peak = footprint.peak()
        for service in SERVICES:
            self.table.at_most(f"{service}, resident after {done:,} requests", peak[service], 250, "MB")
        self.table.at_most("the largest connection of PostgreSQL, its own memory", peak["connection"], 100, "MB")
        self.table.at_most(f"all {peak['connections']} connections of PostgreSQL, their own memory", peak["all"], 3000, "MB")

    def drop(self):
        """Ten tenants with data, two at a time; before, what locks that needs."""
        settings = dict(line.split("|") for line in psql(
            self.database, "select name, setting from pg_settings where name ~ '^max_(locks_per_tr|connections)'"))
        print(f"       max_locks_per_transaction {settings['max_locks_per_transaction']}, "
              f"max_connections {settings['max_connections']}", flush=True)
        tenant = self.operator.get(f"/v1/tenants/{self.crowd.tenants[-1]}")["id"]
        locks = sum(locks_of_drop(self.system.database(f"guanxi_{service}"), tenant) for service in SERVICES)
        times = sorted(self.crowd.drop(10))
        self.table.at_most("a tenant dropped, median", statistics.median(times), 2000, "ms")
        self.table.at_most("locks of a tenant dropped in all services at once", locks, LOCKS_OF_DEFAULT / 2, "")
        left = psql(self.database, "select count(*) from shared.tenants")[0]
        if int(left) != len(self.crowd.tenants):
            raise Refused(f"{left} tenants are left in leads, expected {len(self.crowd.tenants)}")


PARTS = ["create", "idle", "nothing", "column", "writes", "memory", "drop"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tenants", type=int, default=2000, help="how many (2000)")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--log", choices=LOGS, default="postgres", help="event log (postgres)")
    parser.add_argument("--seconds", type=int, default=15, help="of each measurement of writes (15)")
    parser.add_argument("--rounds", type=int, default=3, help="of few and many tenants in turn (3)")
    parser.add_argument("--connections", type=int, default=8, help="of wrk (8)")
    parser.add_argument("--rate", type=int, default=100, help="writes a second during the migration (100)")
    parser.add_argument("--steady", type=int, default=200, help="writes a second of steady traffic (200)")
    parser.add_argument("--requests", type=int, default=360_000, help="an hour's worth: 100 a second (360000)")
    parser.add_argument("--keep", action="store_true", help="let the system run on afterwards")
    parser.add_argument("--again", action="store_true", help="use the system that --keep left, with its tenants")
    parser.add_argument("--json", type=Path, help="file for the results")
    return parser.parse_args()


def main():
    options = arguments()
    print(f"==> {options.tenants:,} tenants on {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}: "
          "everything below shares them", flush=True)
    system = System("bench-tenants", options.log)
    bench = Bench(system, options)
    try:
        if options.again:
            system.join()
        else:
            system.start()
        bench.prepare()
        if options.again:
            bench.crowd.recall()
        for part in PARTS:
            if part in options.parts or part == "create" and not options.again:
                print(f"==> {part}", flush=True)
                getattr(bench, part)()
    except (ApiError, Refused, OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"bench-tenants: {error} {getattr(error, 'stderr', None) or ''}")
    finally:
        if not options.keep:
            system.stop(keep=False)
        if options.json:
            options.json.write_text(json.dumps(bench.table.rows, indent=2))
    print(bench.table)
    rows, missed = bench.table.rows, bench.table.missed
    print(f"Bench of tenants: {len(rows) - len(missed)} of {len(rows)} promises hold")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
