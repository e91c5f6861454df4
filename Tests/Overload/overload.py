#!/usr/bin/env python3
"""Asks more than can be done, slowly, oddly and much, and says who was served meanwhile. Build in release mode first.

Everything runs here: callers, gateway, services, PostgreSQL. Ends with a table, and fails when a promise is missed."""

import argparse
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
# After this folder: its own modules come first.
sys.path[1:1] = [str(HERE.parents[1] / "deploy" / "bench"), str(HERE.parent / "Platform")]
import scenes  # noqa: E402
from calls import Platform  # noqa: E402
from crowd import percentile  # noqa: E402
from drive import make_log_files  # noqa: E402
from table import Table  # noqa: E402


LEAST_OFFERED = 3  # times what can be done: less is no flood


def times(answers):
    return [answer.seconds for answer in answers]


class Overload:
    def __init__(self, world, options):
        self.world, self.options, self.table = world, options, Table()

    def flood(self):
        capacity = self.world.capacity()
        print(f"       {capacity:.0f} leads a second are what 16 callers reach", flush=True)
        seen = scenes.flood(self.world, 5 * capacity, self.options.seconds)
        accepted, refused, memory = seen["accepted"], seen["refused"], seen["memory"]
        print(f"       {5 * capacity:.0f}/s asked: {len(accepted)} accepted, {len(refused)} refused, "
              f"{len(seen['others'])} others, {seen['unsent']} not sent; accepted p50 "
              f"{percentile(times(accepted), .5):.0f} ms, refused p50 {percentile(times(refused), .5):.0f} ms", flush=True)
        self.table.at_least(
            "five times too much: sent, of what is reached alone", seen["offered"] / capacity, LEAST_OFFERED, "times")
        self.table.tell("five times too much: due and not sent", seen["unsent"],
                        f"of {seen['unsent'] + len(seen['answers']):,}")
        self.table.at_most("five times too much: accepted, p99", percentile(times(accepted), .99), 500, "ms")
        self.table.at_most("five times too much: refused, p99", percentile(times(refused), .99), 500, "ms")
        self.table.at_least("five times too much: accepted, of what is reached alone",
                            len(accepted) / self.options.seconds / capacity * 100, 50, "%")
        self.table.at_most("five times too much: refusals without Retry-After", len(seen["rude"]), 0, "")
        self.table.at_most("five times too much: other answers", len(seen["others"]), 0, "")
        self.table.at_most("five times too much: gateway grows", memory.growth("gateway"), 60, "MB")
        self.table.at_most("five times too much: leads grows", memory.growth("leads"), 60, "MB")
        self.table.at_most("five times too much: acknowledged and lost", len(self.world.missing(accepted)), 0, "")

    def idle(self):
        with scenes.Memory(self.world) as memory, scenes.Idle(self.world, self.options.idle):
            answers = scenes.others_work(self.world, 5)
        self._others(f"{self.options.idle:,} idle connections", answers)
        self.table.at_most(f"{self.options.idle:,} idle connections: gateway grows", memory.growth("gateway"), 150, "MB")

    def slow(self):
        with scenes.Memory(self.world) as memory, scenes.Slow(self.world, 1500, 300):
            answers = scenes.others_work(self.world, 15)
        self._others("1,800 slow senders", answers)
        self.table.at_most("1,800 slow senders: gateway grows", memory.growth("gateway"), 60, "MB")

    def odd(self):
        statuses, memory = scenes.odd_requests(self.world)
        print(f"       {statuses}", flush=True)
        self.table.at_most("odd requests that were not refused",
                           sum(not 400 <= (status or 0) < 500 for status in statuses.values()), 0, "")
        self.table.at_most("odd requests: gateway grows", memory.growth("gateway"), 30, "MB")

    def _others(self, what, answers):
        served = [answer for answer in answers if answer.status == 201]
        print(f"       {what}: others got {len(served)} of {len(answers)} answered", flush=True)
        self.table.at_most(f"{what}: others not served", len(answers) - len(served), 0, "")
        self.table.at_most(f"{what}: others, p99", percentile(times(served), .99), 500, "ms")

    def imports(self):
        make_log_files(self.world.platform.system.database("postgres"))
        scenes.steady(self.world, 3)
        quiet, _ = scenes.steady(self.world, self.options.seconds)
        job, began = scenes.import_file(self.world, self.options.rows), time.monotonic()
        busy, unsent, states = [], 0, []
        while not states or states[-1]["status"] not in ("done", "failed"):
            answers, late = scenes.steady(self.world, 5)
            busy, unsent = busy + answers, unsent + late
            states.append(scenes.import_state(self.world, job))
        seconds = time.monotonic() - began
        before, during = percentile(times(quiet), .99), percentile(times(busy), .99)
        print(f"       {self.options.rows:,} rows in {seconds:.0f} s; the other tenants' p50 "
              f"{percentile(times(quiet), .5):.1f} ms before, {percentile(times(busy), .5):.1f} ms meanwhile", flush=True)
        failed = [answer for answer in busy if answer.status not in (200, 201)]
        self.table.at_most("an import beside 19 tenants: their failures", len(failed) + unsent, 0, "")
        self.table.at_most("an import beside 19 tenants: their p99", during, 1.5 * before, "ms", floor=before)


PARTS = ("flood", "idle", "slow", "odd", "imports")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--seconds", type=float, default=15, help="of each measurement (15)")
    parser.add_argument("--tenants", type=int, default=20)
    parser.add_argument("--idle", type=int, default=10_000, help="idle connections (10,000)")
    parser.add_argument("--rows", type=int, default=100_000, help="of the import (100,000)")
    parser.add_argument("--log", choices=("kafka", "postgres"), default="postgres")
    options = parser.parse_args()
    platform = Platform("overload", options.log)
    try:
        one = Overload(scenes.World(platform, options.tenants), options)
        for part in options.parts:
            print(f"  ==>  {part}", flush=True)
            getattr(one, part)()
    finally:
        platform.system.stop(keep=False)
    print(f"\n{one.table}\n", flush=True)
    missed = len(one.table.missed)
    print(f"{len(one.table.kept)} passed, {missed} failed")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
